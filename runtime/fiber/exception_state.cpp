#include "fiber/exception_state.hpp"

#include <cxxabi.h>

namespace weft::rt {

[[gnu::noinline]] ExceptionState* exception_state_of_thread() noexcept {
    // SAFETY: the layout is fixed by the Itanium C++ ABI (2.2.2); tests/fiber/exception_test pins
    // it.
    auto* state = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
    asm volatile("" : "+r"(state) : : "memory");
    return state;
}

}  // namespace weft::rt
