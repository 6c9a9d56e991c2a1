#include "points.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <vector>

#include "sched/simulation.hpp"

// This program's runtime is compiled with -fsanitize=thread and linked with what is here instead of
// libtsan: every atomic operation of the very code is called through a function, which makes a point of
// it first. Operations are sequentially consistent here; weak orders are for tests/model.
//
// This file itself is not instrumented.

namespace weft::simulate {
namespace {

using rt::Nanos;
using rt::Simulation;

bool points_on = false;

void point() noexcept {
    if (!points_on) {
        return;
    }
    if (Simulation* const simulation = Simulation::of_thread(); simulation != nullptr) {
        simulation->point();
    }
}

/// Virtual threads in a condition variable.
struct Waiter {
    const pthread_cond_t* condition;
    std::size_t thread;
    bool is_woken;
};
std::vector<Waiter*> waiters;

void wake_waiters(const pthread_cond_t* condition, Simulation& simulation) {
    for (Waiter* const waiter : waiters) {
        if (waiter->condition == condition) {
            waiter->is_woken = true;
            simulation.wake(waiter->thread);
        }
    }
}

int wait_for_condition(
    Simulation& simulation, pthread_cond_t* condition, pthread_mutex_t* mutex, Nanos length
) {
    Waiter self{condition, simulation.running(), false};
    waiters.push_back(&self);
    ::pthread_mutex_unlock(mutex);
    simulation.sleep_until(length == rt::kNever ? rt::kNever : simulation.now() + length);
    waiters.erase(std::find(waiters.begin(), waiters.end(), &self));
    ::pthread_mutex_lock(mutex);
    return self.is_woken || length == rt::kNever ? 0 : ETIMEDOUT;
}

Nanos time_until(clockid_t clock, const timespec& when) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return (when.tv_sec - now.tv_sec) * 1'000'000'000 + (when.tv_nsec - now.tv_nsec);
}

template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

void set_points(bool on) noexcept {
    points_on = on;
}

}  // namespace weft::simulate

using weft::rt::kNever;
using weft::rt::Simulation;
namespace simulate = weft::simulate;

extern "C" {

// ---- mutexes and condition variables: what would block the one real thread lets the others go on

int pthread_mutex_lock(pthread_mutex_t* mutex) {
    Simulation* const simulation = Simulation::of_thread();
    if (simulation == nullptr) {
        static auto* const lock = simulate::real<int(pthread_mutex_t*)>("pthread_mutex_lock");
        return lock(mutex);
    }
    simulate::point();
    int result = ::pthread_mutex_trylock(mutex);
    while (result == EBUSY) {
        simulation->point();
        result = ::pthread_mutex_trylock(mutex);
    }
    return result;
}

int pthread_cond_signal(pthread_cond_t* condition) {
    Simulation* const simulation = Simulation::of_thread();
    if (simulation == nullptr) {
        static auto* const signal = simulate::real<int(pthread_cond_t*)>("pthread_cond_signal");
        return signal(condition);
    }
    simulate::wake_waiters(condition, *simulation);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t* condition) {
    Simulation* const simulation = Simulation::of_thread();
    if (simulation == nullptr) {
        static auto* const broadcast =
            simulate::real<int(pthread_cond_t*)>("pthread_cond_broadcast");
        return broadcast(condition);
    }
    simulate::wake_waiters(condition, *simulation);
    return 0;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
    Simulation* const simulation = Simulation::of_thread();
    if (simulation == nullptr) {
        static auto* const wait =
            simulate::real<int(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait");
        return wait(condition, mutex);
    }
    return simulate::wait_for_condition(*simulation, condition, mutex, kNever);
}

int pthread_cond_clockwait(
    pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* when
) {
    Simulation* const simulation = Simulation::of_thread();
    if (simulation == nullptr) {
        static auto* const wait =
            simulate::real<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
                "pthread_cond_clockwait"
            );
        return wait(condition, mutex, clock, when);
    }
    return simulate::wait_for_condition(
        *simulation, condition, mutex, simulate::time_until(clock, *when)
    );
}

// ---- what -fsanitize=thread calls

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void*, std::size_t) {}
void __tsan_write_range(void*, std::size_t) {}

#define WEFT_ACCESS(Size)                      \
    void __tsan_read##Size(void*) {}           \
    void __tsan_write##Size(void*) {}          \
    void __tsan_unaligned_read##Size(void*) {} \
    void __tsan_unaligned_write##Size(void*) {}
WEFT_ACCESS(1)
WEFT_ACCESS(2)
WEFT_ACCESS(4)
WEFT_ACCESS(8)
WEFT_ACCESS(16)

#define WEFT_READ_MODIFY_WRITE(Bits, Type, name)                            \
    Type __tsan_atomic##Bits##_##name(volatile Type* at, Type value, int) { \
        simulate::point();                                                  \
        return __atomic_##name(at, value, __ATOMIC_SEQ_CST);                \
    }

#define WEFT_COMPARE_EXCHANGE(Bits, Type, strength, weak)                   \
    int __tsan_atomic##Bits##_compare_exchange_##strength(                  \
        volatile Type* at, Type* expected, Type desired, int, int           \
    ) {                                                                     \
        simulate::point();                                                  \
        return static_cast<int>(__atomic_compare_exchange_n(                \
            at, expected, desired, weak, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST \
        ));                                                                 \
    }

#define WEFT_ATOMIC(Bits, Type)                                                                \
    Type __tsan_atomic##Bits##_load(const volatile Type* at, int) {                            \
        simulate::point();                                                                     \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                          \
    }                                                                                          \
    void __tsan_atomic##Bits##_store(volatile Type* at, Type value, int) {                     \
        simulate::point();                                                                     \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                         \
    }                                                                                          \
    Type __tsan_atomic##Bits##_exchange(volatile Type* at, Type value, int) {                  \
        simulate::point();                                                                     \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                               \
    }                                                                                          \
    WEFT_READ_MODIFY_WRITE(Bits, Type, fetch_add)                                              \
    WEFT_READ_MODIFY_WRITE(Bits, Type, fetch_sub)                                              \
    WEFT_READ_MODIFY_WRITE(Bits, Type, fetch_and)                                              \
    WEFT_READ_MODIFY_WRITE(Bits, Type, fetch_or)                                               \
    WEFT_READ_MODIFY_WRITE(Bits, Type, fetch_xor)                                              \
    WEFT_COMPARE_EXCHANGE(Bits, Type, strong, false)                                           \
    WEFT_COMPARE_EXCHANGE(Bits, Type, weak, true)                                              \
    Type __tsan_atomic##Bits##_compare_exchange_val(                                           \
        volatile Type* at, Type expected, Type desired, int order, int failure                 \
    ) {                                                                                        \
        __tsan_atomic##Bits##_compare_exchange_strong(at, &expected, desired, order, failure); \
        return expected;                                                                       \
    }

WEFT_ATOMIC(8, std::uint8_t)
WEFT_ATOMIC(16, std::uint16_t)
WEFT_ATOMIC(32, std::uint32_t)
WEFT_ATOMIC(64, std::uint64_t)

void __tsan_atomic_thread_fence(int) {
    simulate::point();
    std::atomic_thread_fence(std::memory_order_seq_cst);
}
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
