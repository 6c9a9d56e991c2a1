#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/slab_table.hpp"
#include "support/runtime_fixture.hpp"

// Goal: a task that overflows its stack dies of SIGSEGV, and says its name first; whatever it does
// at that moment, wherever it runs. The report itself: tests/fiber/overflow_test.cpp.

namespace weft::test {
namespace {

using ::testing::KilledBySignal;

// ---------------------------------------------------------------------------------------------
// What overflows

[[gnu::noinline]] int recurse(int depth) {
    volatile char frame[400];
    frame[0] = static_cast<char>(depth);
    return depth > 0 ? recurse(depth + 1) + frame[0] : 0;
}

void by_recursion() {
    recurse(1);
}

void by_large_frame() {
    volatile char frame[300 * 1024];
    for (std::size_t i = sizeof frame; i > 0; i -= 1024) {
        frame[i - 1] = 1;
    }
}

template <std::size_t kBytes>
[[gnu::noinline]] int recurse_by(int depth) {
    volatile char frame[kBytes];
    frame[0] = static_cast<char>(depth);
    return depth > 0 ? recurse_by<kBytes>(depth + 1) + frame[0] : 0;
}

template <std::size_t kBytes>
void by_frames_of() {
    recurse_by<kBytes>(1);
}

void by_a_frame_of_its_size() {
    volatile std::size_t size = std::size_t{8} << 20;
    auto* const memory = static_cast<volatile char*>(__builtin_alloca(size));
    memory[0] = 1;
}

[[gnu::noinline]] void read_into_a_frame(int descriptor) {
    char buffer[512 * 1024];
    // The kernel would say EFAULT, and nobody would die.
    EXPECT_EQ(::read(descriptor, buffer, sizeof buffer), 0);
}

void by_reading() {
    const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    read_into_a_frame(descriptor);
    ::close(descriptor);
}

int compare_for_ever(const void* /*left*/, const void* /*right*/) {
    int numbers[] = {2, 1};
    std::qsort(numbers, 2, sizeof numbers[0], &compare_for_ever);
    return numbers[0];
}

void by_a_callback_of_libc() {
    compare_for_ever(nullptr, nullptr);
}

void by_functions() {
    std::function<int(int)> next = [&](int depth) { return next(depth + 1) + 1; };
    next(0);
}

/// Bytes of the running task's stack below the caller.
[[gnu::noinline]] std::ptrdiff_t bytes_left() {
    const auto* const here = static_cast<const std::byte*>(__builtin_frame_address(0));
    return here - rt::find_stack(here)->low;
}

/// Calls `function` with `left` bytes of stack, more or less.
[[gnu::noinline]] void near_the_end(std::ptrdiff_t left, void (*function)()) {
    volatile char frame[64];
    frame[0] = 1;
    if (bytes_left() > left) {
        near_the_end(left, function);
    } else {
        function();
    }
    frame[1] = frame[0];
}

void by_printf() {
    near_the_end(1'500, [] {
        char text[400];
        volatile double number = 1e300;
        std::snprintf(text, sizeof text, "%.*f", 300, number);
        by_recursion();  // where libc makes do with less
    });
}

void by_iostream() {
    near_the_end(1'500, [] {
        std::ostringstream out;
        volatile double number = 1e300;
        out << std::fixed << number;
        by_recursion();  // where libstdc++ makes do with less
    });
}

struct CleansUpByRecursion {
    CleansUpByRecursion() = default;
    CleansUpByRecursion(const CleansUpByRecursion&) = delete;
    CleansUpByRecursion& operator=(const CleansUpByRecursion&) = delete;
    ~CleansUpByRecursion() { by_recursion(); }
};

void by_unwinding() {
    try {
        const CleansUpByRecursion last;
        throw 1;
    } catch (int) {
    }
}

void by_regex() {
    // libstdc++ matches by recursion, some frames a character.
    const std::string text(200'000, 'a');
    std::regex_match(text, std::regex("(a|b)*c"));
}

[[gnu::noinline]] int throw_at_the_bottom(int depth) {
    volatile char frame[200];
    frame[0] = 1;
    if (bytes_left() < 600) {
        throw depth;
    }
    return throw_at_the_bottom(depth + 1) + frame[0];
}

void by_throwing() {
    try {
        throw_at_the_bottom(0);
    } catch (int) {
        by_recursion();  // where the unwinder makes do with less
    }
}

void by_waiting_at_the_edge(std::ptrdiff_t left) {
    near_the_end(left, [] {
        yield();
        by_recursion();
    });
}

// ---------------------------------------------------------------------------------------------
// Where

RuntimeOptions two_loops() {
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    return options;
}

/// What a program has that installs no handler itself; a sanitizer's is in the way.
void forget_handlers() {
    std::signal(SIGSEGV, SIG_DFL);
    std::signal(SIGBUS, SIG_DFL);
}

enum class Where { Main, Pinned, Stealable, OtherLoop, InPlace };

template <class F>
void run_in(Where where, const std::string& name, F function) {
    forget_handlers();
    std::optional<WithoutHops> without_hops;
    if (where == Where::InPlace) {
        without_hops.emplace();
    }
    Runtime runtime(two_loops());
    runtime.run([&] {
        switch (where) {
            case Where::Main:
                function();
                break;
            case Where::Pinned:
                await(create_task(function, name));
                break;
            case Where::Stealable:
                await(spawn(function, name));
                break;
            case Where::OtherLoop:
                await(runtime.loop(1).create_task(function, name));
                break;
            case Where::InPlace:
                // The first may be taken by the other loop; some are called.
                await(spawn(
                    [&] {
                        for (;;) {
                            const rt::Stack* const own = rt::find_stack(__builtin_frame_address(0));
                            await(spawn(
                                [&] {
                                    if (rt::find_stack(__builtin_frame_address(0)) == own) {
                                        function();
                                    }
                                },
                                name
                            ));
                        }
                    },
                    "parent"
                ));
                break;
        }
    });
}

std::string report(const std::string& name) {
    return "^weft: stack overflow in task '" + name +
           "' \\(stack 192512 bytes, fault at 0x[0-9a-f]+, in [^ ]+\\+0x[0-9a-f]+\\)\n$";
}

struct Overflow {
    const char* name;
    void (*overflow)();
};
void PrintTo(const Overflow& overflow, std::ostream* out) {
    *out << overflow.name;
}

class OverflowDeathTest : public ::testing::TestWithParam<Overflow> {};

TEST_P(OverflowDeathTest, NamesTheTask) {
    for (const Where where : {Where::Pinned, Where::Stealable, Where::OtherLoop, Where::InPlace}) {
        EXPECT_EXIT(
            run_in(where, "fetch-42", GetParam().overflow),
            KilledBySignal(SIGSEGV),
            report("fetch-42")
        );
    }
}

INSTANTIATE_TEST_SUITE_P(
    Each,
    OverflowDeathTest,
    ::testing::Values(
        Overflow{"recursion", by_recursion},
        Overflow{"large_frame", by_large_frame},
        Overflow{"frames_of_8_KiB", by_frames_of<8 * 1024>},
        Overflow{"frames_of_60_KiB", by_frames_of<60 * 1024>},
        Overflow{"frames_of_1_MiB", by_frames_of<1024 * 1024>},
        Overflow{"alloca", by_a_frame_of_its_size},
        Overflow{"read", by_reading},
        Overflow{"qsort", by_a_callback_of_libc},
        Overflow{"functions", by_functions},
        Overflow{"iostream", by_iostream},
        Overflow{"unwinding", by_unwinding},
        Overflow{"printf", by_printf},
        Overflow{"regex", by_regex},
        Overflow{"throwing", by_throwing}
    ),
    [](const auto& each) { return each.param.name; }
);

TEST(OverflowOfATaskDeathTest, NamesMainAndTheNameless) {
    EXPECT_EXIT(run_in(Where::Main, "", by_recursion), KilledBySignal(SIGSEGV), report("main"));
    for (const Where where : {Where::Pinned, Where::Stealable, Where::InPlace}) {
        EXPECT_EXIT(
            run_in(where, "", by_recursion), KilledBySignal(SIGSEGV), report("Task-[0-9]+")
        );
    }
}

// Goal: the name is right also where weft's own code hits the guard: it gets the stack for its loop
// while it stands on the task's.
TEST(OverflowOfATaskDeathTest, NamesATaskThatWaitsAtTheEdge) {
    constexpr std::ptrdiff_t kFrom = 64;
    constexpr std::ptrdiff_t kTo = 1'600;
    constexpr std::ptrdiff_t kStep = kTsan || kAsan ? 512 : 96;
    for (std::ptrdiff_t left = kFrom; left < kTo; left += kStep) {
        EXPECT_EXIT(
            run_in(Where::Pinned, "fetch-42", [left] { by_waiting_at_the_edge(left); }),
            KilledBySignal(SIGSEGV),
            report("fetch-42")
        ) << left;
    }
}

// Goal: a child that is awaited near the end of its parent's stack is not called there, but gets
// one of its own, and fills that.
TEST(OverflowOfATaskDeathTest, NamesTheChildOfATaskAtTheEdge) {
    EXPECT_EXIT(
        run_in(
            Where::Stealable,
            "fetch-42",
            [] { near_the_end(40'000, [] { await(spawn([] { by_recursion(); }, "inner")); }); }
        ),
        KilledBySignal(SIGSEGV),
        report("inner")
    );
}

// Goal: the name is the one that the task has when it dies.
TEST(OverflowOfATaskDeathTest, NamesARenamedTask) {
    EXPECT_EXIT(
        run_in(
            Where::Stealable,
            "before",
            [] {
                current_task().set_name("after");
                by_recursion();
            }
        ),
        KilledBySignal(SIGSEGV),
        report("after")
    );
}

// Goal: on a loop of its own, too, that a plain thread drives.
TEST(OverflowOfATaskDeathTest, NamesATaskOfALoopOfItsOwn) {
    const auto overflow_in_a_loop = [] {
        forget_handlers();
        Loop loop;
        auto task = loop.create_task(by_recursion, "fetch-42");
        loop.run_until_complete(task);
    };
    EXPECT_EXIT(overflow_in_a_loop(), KilledBySignal(SIGSEGV), report("fetch-42"));
    const auto overflow_forever = [] {
        forget_handlers();
        Loop loop;
        auto task = loop.create_task(by_recursion, "fetch-42");
        loop.run_forever();
    };
    EXPECT_EXIT(overflow_forever(), KilledBySignal(SIGSEGV), report("fetch-42"));
}

// Goal: what is no overflow is not called one.
TEST(OverflowOfATaskDeathTest, NullPointerIsNoOverflow) {
    for (const Where where : {Where::Main, Where::Pinned, Where::Stealable, Where::InPlace}) {
        EXPECT_EXIT(
            run_in(
                where,
                "fetch-42",
                [] {
                    auto* volatile address = reinterpret_cast<int*>(std::uintptr_t{8});
                    *address = 1;
                }
            ),
            KilledBySignal(SIGSEGV),
            "^$"
        );
    }
}

// Goal: the stack is as large as was asked for.
TEST(OverflowOfATask, StackHoldsWhatWasAskedFor) {
    RuntimeOptions options = two_loops();
    options.stack_bytes = std::size_t{1024} * 1024;
    Runtime runtime(options);
    runtime.run([] {
        await(spawn([] {
            volatile char frame[900 * 1024];
            for (std::size_t i = sizeof frame; i > 0; i -= 4096) {
                frame[i - 1] = 1;
            }
            yield();
            EXPECT_EQ(frame[sizeof frame - 1], 1);
        }));
    });
}

}  // namespace
}  // namespace weft::test
