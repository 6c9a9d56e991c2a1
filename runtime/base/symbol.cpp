#include "base/symbol.hpp"

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "base/demangle.hpp"

namespace weft::rt {

std::string symbol_of(void* address) {
    Dl_info info{};
    // A return address: the call is before it.
    const auto call = reinterpret_cast<std::uintptr_t>(address) - 1;
    if (::dladdr(reinterpret_cast<void*>(call), &info) == 0 || info.dli_fname == nullptr) {
        char text[32];
        std::snprintf(text, sizeof text, "%p", address);
        return text;
    }
    std::string name;
    if (info.dli_sname != nullptr) {
        name = demangled(info.dli_sname) + " ";
    }
    char offset[32];
    const std::uintptr_t base = reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    std::snprintf(offset, sizeof offset, "+0x%zx", static_cast<std::size_t>(call - base));
    return name + "(" + info.dli_fname + offset + ")";
}

}  // namespace weft::rt
