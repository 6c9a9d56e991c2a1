#pragma once

namespace weft::rt {

/// A first-in, first-out chain through the elements' own `next`. One thread.
template <class T>
class IntrusiveFifo {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    [[nodiscard]] T* front() const noexcept { return head_; }

    void push(T& element) noexcept {
        element.next = nullptr;
        if (tail_ != nullptr) {
            tail_->next = &element;
        } else {
            head_ = &element;
        }
        tail_ = &element;
    }

    /// Lets it go first.
    void push_front(T& element) noexcept {
        element.next = head_;
        head_ = &element;
        if (tail_ == nullptr) {
            tail_ = &element;
        }
    }

    /// Takes the oldest; nullptr when there is none.
    T* pop() noexcept {
        T* const element = head_;
        if (element != nullptr) {
            head_ = element->next;
            if (head_ == nullptr) {
                tail_ = nullptr;
            }
        }
        return element;
    }

private:
    T* head_ = nullptr;
    T* tail_ = nullptr;
};

}  // namespace weft::rt
