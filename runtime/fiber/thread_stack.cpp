#include "fiber/thread_stack.hpp"

#include <pthread.h>

#include <cstddef>

#include "fiber/sanitizer.hpp"

namespace weft::rt {

void describe_thread_stack([[maybe_unused]] Stack& stack) noexcept {
#if WEFT_ASAN
    pthread_attr_t attributes;
    if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
        void* low = nullptr;
        std::size_t size = 0;
        ::pthread_attr_getstack(&attributes, &low, &size);
        stack.low = static_cast<std::byte*>(low);
        stack.top = stack.low + size;
        ::pthread_attr_destroy(&attributes);
        __lsan_register_root_region(stack.low, stack.size_bytes());
    }
#endif
#if WEFT_TSAN
    stack.tsan_fiber = __tsan_get_current_fiber();
#endif
}

void forget_thread_stack([[maybe_unused]] const Stack& stack) noexcept {
#if WEFT_ASAN
    __lsan_unregister_root_region(stack.low, stack.size_bytes());
#endif
}

}  // namespace weft::rt
