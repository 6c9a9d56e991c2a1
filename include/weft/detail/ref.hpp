#pragma once

#include <utility>

namespace weft::detail {

/// Owns one reference of an object that counts its own: `add_ref()` and `release()`.
template <class T>
class Ref {
public:
    Ref() = default;
    Ref(const Ref& other) noexcept : object_(other.object_) {
        if (object_ != nullptr) {
            object_->add_ref();
        }
    }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
    Ref(Ref<U> other) noexcept : object_(other.detach()) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() {
        if (object_ != nullptr) {
            object_->release();
        }
    }

    /// Takes over a reference that somebody counted already.
    [[nodiscard]] static Ref adopt(T* object) noexcept {
        Ref ref;
        ref.object_ = object;
        return ref;
    }
    /// Counts one more.
    [[nodiscard]] static Ref share(T* object) noexcept {
        if (object != nullptr) {
            object->add_ref();
        }
        return adopt(object);
    }
    /// Gives the reference to the caller, uncounted.
    [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }

    [[nodiscard]] T* get() const noexcept { return object_; }
    [[nodiscard]] T& operator*() const noexcept { return *object_; }
    /// Not of a null one.
    [[nodiscard]] T* operator->() const noexcept {
        if (object_ == nullptr) {
            __builtin_unreachable();  // else GCC 12 warns of what cannot be
        }
        return object_;
    }
    [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    T* object_ = nullptr;
};

}  // namespace weft::detail
