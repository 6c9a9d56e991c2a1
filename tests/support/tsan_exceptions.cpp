#include "fiber/sanitizer.hpp"

// ThreadSanitizer does not see libstdc++'s own code, so not how it counts an exception's references
// either: to it, a thread that reads what an exception says races with the last one to let go of it.
// These stand in front of the two functions that count down, and say so.

#if WEFT_TSAN

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <exception>

namespace {

/// What is let go of was used before, and is not after, by whoever frees it.
void say_released(void* exception) noexcept {
    __tsan_acquire(exception);
    __tsan_release(exception);
}

template <class F>
F* next(const char* name) noexcept {
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

/// std::exception_ptr::_M_release(): the pointer is all that an exception_ptr has.
void _ZNSt15__exception_ptr13exception_ptr10_M_releaseEv(void** self) noexcept {
    static auto* const release =
        next<void(void**)>("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");
    say_released(*self);
    release(self);
}

void __cxa_end_catch() {
    static auto* const end_catch = next<void()>("__cxa_end_catch");
    {
        const std::exception_ptr caught = std::current_exception();
        void* exception = nullptr;
        static_assert(sizeof caught == sizeof exception);
        __builtin_memcpy(&exception, &caught, sizeof exception);
        if (exception != nullptr) {
            say_released(exception);
        }
    }
    end_catch();
}

}  // extern "C"

#endif
