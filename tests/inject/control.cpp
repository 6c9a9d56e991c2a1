#include "inject/control.hpp"

#include <dlfcn.h>

namespace weft::inject {
namespace {

/// Looked up by name, as the library is only there when the program was started with it.
template <class Function>
Function* in_the_library(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

}  // namespace

void start() {
    if (auto* const function = in_the_library<void()>("weft_inject_start")) {
        function();
    }
}

void stop() {
    if (auto* const function = in_the_library<void()>("weft_inject_stop")) {
        function();
    }
}

long injected() {
    auto* const function = in_the_library<long()>("weft_inject_injected");
    return function != nullptr ? function() : 0;
}

}  // namespace weft::inject
