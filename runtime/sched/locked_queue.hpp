#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <new>

namespace weft::rt {

/// As much of moodycamel::ConcurrentQueue as the inbox uses, with a mutex: for TSan.
template <class T>
class LockedQueue {
public:
    struct consumer_token_t {
        explicit consumer_token_t(LockedQueue&) noexcept {}
    };

    [[nodiscard]] bool enqueue(T element) noexcept {
        const std::lock_guard lock(mutex_);
        try {
            elements_.push_back(element);
        } catch (const std::bad_alloc&) {
            return false;
        }
        return true;
    }
    [[nodiscard]] std::size_t try_dequeue_bulk(
        consumer_token_t&, T* elements, std::size_t most
    ) noexcept {
        const std::lock_guard lock(mutex_);
        std::size_t count = 0;
        for (; count < most && !elements_.empty(); ++count) {
            elements[count] = elements_.front();
            elements_.pop_front();
        }
        return count;
    }

private:
    std::mutex mutex_;
    std::deque<T> elements_;
};

}  // namespace weft::rt
