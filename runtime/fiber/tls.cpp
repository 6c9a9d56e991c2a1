#include "fiber/tls.hpp"

namespace weft::rt {
namespace {

// initial-exec: libweft is loaded with the program, and a call into the linker would cost more than
// the read itself.
[[gnu::tls_model("initial-exec")]] thread_local Carrier* carrier_of_thread = nullptr;
[[gnu::tls_model("initial-exec")]] thread_local Simulation* simulation = nullptr;

struct ThreadContext {
    void* context = nullptr;
    void (*drop)(void*) noexcept = nullptr;

    ThreadContext() = default;
    ThreadContext(const ThreadContext&) = delete;
    ThreadContext& operator=(const ThreadContext&) = delete;
    ~ThreadContext() {
        if (context != nullptr) {
            drop(context);
        }
    }
};

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

[[gnu::noinline]] Simulation* simulation_of_thread() noexcept {
    Simulation** address = &simulation;
    asm volatile("" : "+r"(address) : : "memory");
    return *address;
}

[[gnu::noinline]] void set_simulation_of_thread(Simulation* now) noexcept {
    Simulation** address = &simulation;
    asm volatile("" : "+r"(address) : : "memory");
    *address = now;
}

[[gnu::noinline]] void*& context_of_thread(void (*drop)(void*) noexcept) noexcept {
    thread_local ThreadContext own;
    ThreadContext* address = &own;
    asm volatile("" : "+r"(address) : : "memory");
    address->drop = drop;
    return address->context;
}

}  // namespace weft::rt
