#include <cxxabi.h>
#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/atomic.hpp"
#include "testing/held_locks/table.hpp"

// Stands before the functions of libc and libstdc++ that have these names: the program's own
// definition comes first, for every library that it loads, too.
//
// pthread_cond_wait and its relatives let go of a mutex and take it again within libc, unseen: while
// the thread is in there it cannot suspend, and afterwards the mutex is held as before.

namespace weft::rt {
namespace {

/// The function that would have been called. Found at the first call, which may come before any
/// constructor has run; without a function-local static, whose guard is among these functions.
template <class Function>
class Next {
public:
    constexpr explicit Next(const char* name) noexcept : name_(name) {}

    template <class... Arguments>
    auto operator()(Arguments... arguments) {
        Function* function = function_.load(relaxed);  // every thread finds the same
        if (function == nullptr) {
            function = find();
            function_.store(function, relaxed);
        }
        return function(arguments...);
    }

private:
    [[gnu::noinline]] Function* find() const noexcept {
        auto* const function = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name_));
        if (function == nullptr) {
            std::fprintf(stderr, "weft: held_locks: no %s after it: static linking?\n", name_);
            std::abort();
        }
        return function;
    }

    const char* name_;
    Atomic<Function*> function_{nullptr};
};

/// The function that pthread_once was asked for on this thread, until it begins.
struct OnceCall {
    void (*function)();
    const void* flag;
    void* const* frame;
};
constinit thread_local OnceCall once_call{};

/// What is called in its place.
void run_once() {
    struct Inside {
        const void* flag;
        explicit Inside(const OnceCall& call) noexcept : flag(call.flag) {
            note_entered(Held::Once, flag, call.frame);
        }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        ~Inside() { note_left(flag); }
    };
    const OnceCall call = once_call;
    const Inside inside(call);  // it may end by an exception
    call.function();
}

int note(Held kind, int result, const void* object, void* const* frame) noexcept {
    if (result == 0 || result == EOWNERDEAD) {  // the latter: taken from one that died
        note_entered(kind, object, frame);
    }
    return result;
}

int note_unlock(int result, const void* object) noexcept {
    if (result == 0) {
        note_left(object);
    }
    return result;
}

}  // namespace
}  // namespace weft::rt

using weft::rt::Held;
using weft::rt::Next;

/// What the linker is told to look for, so that this file is taken in: see WeftHeldLocks.cmake.
extern "C" {
extern const bool weft_held_locks_is_linked;
const bool weft_held_locks_is_linked = true;
}

#define WEFT_FRAME static_cast<void* const*>(__builtin_frame_address(0))

// A function of libc with the name `function`, and what is done with its result.
#define WEFT_LOCKS(kind, function, Object)                          \
    static constinit Next<int(Object*)> next_##function{#function}; \
    extern "C" int function(Object* object) noexcept {              \
        const int result = next_##function(object);                 \
        return weft::rt::note(kind, result, object, WEFT_FRAME);    \
    }
#define WEFT_LOCKS_UNTIL(kind, function, Object)                                     \
    static constinit Next<int(Object*, const timespec*)> next_##function{#function}; \
    extern "C" int function(Object* object, const timespec* until) noexcept {        \
        const int result = next_##function(object, until);                           \
        return weft::rt::note(kind, result, object, WEFT_FRAME);                     \
    }
#define WEFT_LOCKS_BY_CLOCK(kind, function, Object)                                             \
    static constinit Next<int(Object*, clockid_t, const timespec*)> next_##function{#function}; \
    extern "C" int function(Object* object, clockid_t clock, const timespec* until) noexcept {  \
        const int result = next_##function(object, clock, until);                               \
        return weft::rt::note(kind, result, object, WEFT_FRAME);                                \
    }
#define WEFT_UNLOCKS(function, Object)                                 \
    static constinit Next<int(Object*)> next_##function{#function};    \
    extern "C" int function(Object* object) noexcept {                 \
        return weft::rt::note_unlock(next_##function(object), object); \
    }

WEFT_LOCKS(Held::Mutex, pthread_mutex_lock, pthread_mutex_t)
WEFT_LOCKS(Held::Mutex, pthread_mutex_trylock, pthread_mutex_t)
WEFT_LOCKS_UNTIL(Held::Mutex, pthread_mutex_timedlock, pthread_mutex_t)
WEFT_LOCKS_BY_CLOCK(Held::Mutex, pthread_mutex_clocklock, pthread_mutex_t)
WEFT_UNLOCKS(pthread_mutex_unlock, pthread_mutex_t)

WEFT_LOCKS(Held::SharedMutex, pthread_rwlock_rdlock, pthread_rwlock_t)
WEFT_LOCKS(Held::SharedMutex, pthread_rwlock_tryrdlock, pthread_rwlock_t)
WEFT_LOCKS_UNTIL(Held::SharedMutex, pthread_rwlock_timedrdlock, pthread_rwlock_t)
WEFT_LOCKS_BY_CLOCK(Held::SharedMutex, pthread_rwlock_clockrdlock, pthread_rwlock_t)
WEFT_LOCKS(Held::SharedMutex, pthread_rwlock_wrlock, pthread_rwlock_t)
WEFT_LOCKS(Held::SharedMutex, pthread_rwlock_trywrlock, pthread_rwlock_t)
WEFT_LOCKS_UNTIL(Held::SharedMutex, pthread_rwlock_timedwrlock, pthread_rwlock_t)
WEFT_LOCKS_BY_CLOCK(Held::SharedMutex, pthread_rwlock_clockwrlock, pthread_rwlock_t)
WEFT_UNLOCKS(pthread_rwlock_unlock, pthread_rwlock_t)

static constinit Next<int(pthread_once_t*, void (*)())> next_once{"pthread_once"};
extern "C" int pthread_once(pthread_once_t* flag, void (*function)()) {
    weft::rt::once_call = {function, flag, WEFT_FRAME};
    return next_once(flag, &weft::rt::run_once);
}

namespace __cxxabiv1 {

static constinit Next<int(__guard*)> next_acquire{"__cxa_guard_acquire"};
extern "C" int __cxa_guard_acquire(__guard* guard) {
    const int is_ours = next_acquire(guard);
    if (is_ours != 0) {
        weft::rt::note_entered(Held::StaticInitialiser, guard, WEFT_FRAME);
    }
    return is_ours;
}

static constinit Next<void(__guard*)> next_release{"__cxa_guard_release"};
extern "C" void __cxa_guard_release(__guard* guard) noexcept {
    next_release(guard);
    weft::rt::note_left(guard);
}

static constinit Next<void(__guard*)> next_abort{"__cxa_guard_abort"};
extern "C" void __cxa_guard_abort(__guard* guard) noexcept {
    next_abort(guard);
    weft::rt::note_left(guard);
}

}  // namespace __cxxabiv1
