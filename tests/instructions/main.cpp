#include <gnu/libc-version.h>
#include <valgrind/callgrind.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <weft/weft.hpp>

#include "base/clock.hpp"

// Operations whose instructions instructions.py counts, each on one loop:
//     PROGRAM CASE COUNT...  does so many of them, once for each COUNT, and has callgrind write down what each took
//     PROGRAM --about        prints as JSON what the cases are, and what a count depends on
//
// Nothing is random, and nothing depends on the time: the linker puts forever() where the library asks for
// ticks_per_microsecond(). A loop that has something to do looks at its reactor each 100 us otherwise, which under
// valgrind is each 50 operations or so. So that look is not counted; that a loop asks for the time is.

namespace weft::rt {

// 100 us are a month then, and as a number of ticks no overflow.
std::uint64_t forever() noexcept asm("__wrap__ZN4weft2rt21ticks_per_microsecondEv");
std::uint64_t forever() noexcept {
    return std::uint64_t{1} << 46U;
}

}  // namespace weft::rt

namespace weft::test {
namespace {

void nothing() {}

/// A stealable parent: it calls the child, as nobody else has begun it.
void spawn_called(int count) {
    await(spawn([count] {
        for (int i = 0; i < count; ++i) {
            await(spawn(nothing));
        }
    }));
}

/// A pinned parent never does.
void spawn_waited(int count) {
    for (int i = 0; i < count; ++i) {
        await(spawn(nothing));
    }
}

/// The child is called, and suspends: the parent waits for it all the same.
void spawn_suspended(int count) {
    await(spawn([count] {
        for (int i = 0; i < count; ++i) {
            await(spawn([] { yield(); }));
        }
    }));
}

void create_waited(int count) {
    for (int i = 0; i < count; ++i) {
        await(create_task(nothing));
    }
}

void yield_times(int count) {
    for (int i = 0; i < count; ++i) {
        yield();
    }
}

void yield_pinned(int count) {
    auto other = create_task([count] { yield_times(count / 2); });
    await(create_task([count] { yield_times(count / 2); }));
    await(other);
}

void yield_stealable(int count) {
    auto other = spawn([count] { yield_times(count / 2); });
    await(spawn([count] { yield_times(count / 2); }));
    await(other);
}

/// An operation is an item: put by one task, got by another.
void pass_items(int count, int maxsize) {
    Queue<int> queue(maxsize);
    auto getter = spawn([&] {
        for (int i = 0; i < count; ++i) {
            static_cast<void>(queue.get());
        }
    });
    await(spawn([&] {
        for (int i = 0; i < count; ++i) {
            queue.put(i);
        }
    }));
    await(getter);
}

void queue_item(int count) {
    constexpr int kRoomy = 1000;
    pass_items(count, kRoomy);
}

/// Each of them waits for the other each time.
void queue_item_narrow(int count) {
    pass_items(count, 1);
}

void lock_free(int count) {
    Lock lock;
    for (int i = 0; i < count; ++i) {
        lock.acquire();
        lock.release();
    }
}

/// Who has the lock lets the other one come and wait for it; with it goes a yield each.
void lock_handed(int count) {
    Lock lock;
    const auto take_turns = [&] {
        for (int i = 0; i < count / 2; ++i) {
            lock.acquire();
            yield();
            lock.release();
        }
    };
    auto other = spawn(take_turns);
    await(spawn(take_turns));
    await(other);
}

/// A future is made, awaited, and set by another task, which lets the first one go on.
void future_set(int count) {
    const Future<int>* awaited = nullptr;
    auto waiter = create_task([&] {
        for (int i = 0; i < count; ++i) {
            const Future<int> future;
            awaited = &future;
            static_cast<void>(await(future));
        }
    });
    await(create_task([&] {
        for (int i = 0; i < count; ++i) {
            awaited->set_result(i);
            yield();
        }
    }));
    await(waiter);
}

void timer_cancelled(int count) {
    Loop& loop = get_running_loop();
    for (int i = 0; i < count; ++i) {
        loop.call_later(std::chrono::hours(1), nothing).cancel();
    }
}

/// With the call itself, a hundred in each turn of the loop.
void call_soon(int count) {
    constexpr int kPerTurn = 100;
    Loop& loop = get_running_loop();
    for (int i = 0; i < count; ++i) {
        loop.call_soon(nothing);
        if (i % kPerTurn == 0) {
            yield();
        }
    }
}

struct Case {
    std::string_view name;
    void (*run)(int count);
};

constexpr std::array kCases{
    Case{"spawn_called", spawn_called},
    Case{"spawn_waited", spawn_waited},
    Case{"spawn_suspended", spawn_suspended},
    Case{"create_waited", create_waited},
    Case{"yield_pinned", yield_pinned},
    Case{"yield_stealable", yield_stealable},
    Case{"queue_item", queue_item},
    Case{"queue_item_narrow", queue_item_narrow},
    Case{"lock_free", lock_free},
    Case{"lock_handed", lock_handed},
    Case{"future_set", future_set},
    Case{"timer_cancelled", timer_cancelled},
    Case{"call_soon", call_soon},
};

void print_about() {
#if defined(__clang__)
    constexpr const char* kCompiler = "clang " __clang_version__;
#else
    constexpr const char* kCompiler = "gcc " __VERSION__;
#endif
#if defined(__x86_64__)
    constexpr const char* kArchitecture = "x86_64";
#elif defined(__aarch64__)
    constexpr const char* kArchitecture = "aarch64";
#else
    constexpr const char* kArchitecture = "another";
#endif
    std::printf(
        R"({"with": {"architecture": "%s", "compiler": "%s", "libc": "glibc %s"}, "cases": [)",
        kArchitecture,
        kCompiler,
        gnu_get_libc_version()
    );
    for (const Case& each : kCases) {
        std::printf("%s\"%s\"", &each == kCases.data() ? "" : ", ", each.name.data());
    }
    std::puts("]}");
}

int run(std::span<const std::string_view> words) {
    if (rt::ticks_per_microsecond() != rt::forever()) {
        std::fputs(
            "the linker has not put forever() in the place of ticks_per_microsecond()\n", stderr
        );
        return EXIT_FAILURE;
    }
    if (words.size() == 1 && words[0] == "--about") {
        print_about();
        return EXIT_SUCCESS;
    }
    for (const Case& each : kCases) {
        if (words.size() > 1 && words[0] == each.name) {
            weft::run(
                [&] {
                    CALLGRIND_START_INSTRUMENTATION;
                    for (const std::string_view count : words.subspan(1)) {
                        each.run(std::stoi(std::string(count)));
                        CALLGRIND_DUMP_STATS;  // and begin at 0 again
                    }
                },
                {.workers = 1, .pin = Pin::None}
            );
            return EXIT_SUCCESS;
        }
    }
    std::fputs("usage: PROGRAM CASE COUNT..., or PROGRAM --about\n", stderr);
    return 2;
}

}  // namespace
}  // namespace weft::test

int main(int count, char** words) {
    const std::vector<std::string_view> all(words + 1, words + count);
    return weft::test::run(all);
}
