#pragma once

namespace weft::testing {

// A program that links the CMake target weft::held_locks dies as soon as a task suspends while it
// holds a lock of its thread, or while it is inside the initialiser of a function-local static or of
// std::call_once: whoever wants that lock next would block a loop, and the loops may never get to
// the task that holds it. On stderr it says who, and what:
//
//     weft: task 'fetch-42' spawned at main.cpp:12 suspends while it holds
//       the mutex 0x7ffd2c00, locked in Cache::get(int) (program+0x1c2a)
//           called from serve(int) (program+0x2f10)
//
// With pkg-config: -Wl,--undefined=weft_held_locks_is_linked -lweft_held_locks before its --libs.
//
// Nothing has to be called. The target, which brings weft::weft, puts functions of its own before libc's
// pthread_mutex_* and pthread_rwlock_* (which std::mutex, its relatives and the guards of <mutex> are made
// of), pthread_once and the compiler's __cxa_guard_*. It is meant for tests and debug builds: a lock that a
// task takes costs some tens of nanoseconds more. A program that does not link it pays nothing, and that is
// why it is chosen by the linker and not by an option of the runtime.
//
// The callers are found by frame pointers: -O0 and -fno-omit-frame-pointer have them, elsewhere there may be
// one line only. For names the program is to be linked with -rdynamic (CMake: ENABLE_EXPORTS).
//
// An uncontended weft::Lock, an await of what is done, or of a child that was called in place and
// did not suspend, suspends nobody and is let pass; a yield() is not, also where nobody else is ready.
// weft::Lock may be held over a suspension, it is made for that. What is locked without libc's entry points
// is not seen: spin locks, mtx_lock(), libc++'s std::call_once, another library's own mutex. Not with a
// sanitizer, which stands before the same functions, and not where libc or libstdc++ is linked statically.

/// Returns how many locks and initialisers of this thread are held that were entered in a task or a
/// callback. Only in a program that links weft::held_locks; elsewhere it is not defined.
///
/// Threads   any; 0 on one that runs no loop.
/// asyncio   none
[[nodiscard]] int held_locks() noexcept;

}  // namespace weft::testing
