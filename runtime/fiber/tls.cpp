#include "fiber/tls.hpp"

namespace weft::rt {

// initial-exec: libweft is loaded with the program, and a call into the linker would cost more than
// the read itself. Of the first, current_carrier()'s asm knows the name, and which model it is.
extern thread_local Carrier* carrier_of_thread asm("weft_carrier_of_thread");
[[gnu::tls_model("initial-exec"),
  gnu::visibility("default"),
  gnu::used]] thread_local Carrier* carrier_of_thread = nullptr;

namespace {

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

#if !defined(__x86_64__)
[[gnu::noinline]] Carrier* current_carrier() noexcept {
    Carrier** address = &carrier_of_thread;
    asm volatile("" : "+r"(address) : : "memory");
    return *address;
}
#endif

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
