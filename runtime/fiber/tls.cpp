#include "fiber/tls.hpp"

namespace weft::rt {
namespace {

// initial-exec: libweft is loaded with the program, and a call into the linker would cost more than
// the read itself.
[[gnu::tls_model("initial-exec")]] thread_local Carrier* carrier_of_thread = nullptr;

}  // namespace

[[gnu::noinline]] Carrier* current_carrier() noexcept {
    Carrier** address = &carrier_of_thread;
    asm volatile("" : "+r"(address) : : "memory");
    return *address;
}

[[gnu::noinline]] void set_current_carrier(Carrier* carrier) noexcept {
    Carrier** address = &carrier_of_thread;
    asm volatile("" : "+r"(address) : : "memory");
    *address = carrier;
}

}  // namespace weft::rt
