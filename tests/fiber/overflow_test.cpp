#include "fiber/overflow.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "fiber/guard.hpp"
#include "fiber/stack_pool.hpp"
#include "on_stack.hpp"

namespace weft::rt {
namespace {

using testing::ExitedWithCode;
using testing::KilledBySignal;

void say(const char* text) {
    static_cast<void>(::write(STDERR_FILENO, text, std::strlen(text)));
}

void describe_by_owner(const Stack& stack, char* out, std::size_t size) {
    if (stack.owner != nullptr) {
        std::strncpy(out, static_cast<const char*>(stack.owner), size - 1);
    }
}

/// Runs `function` as the task "fetch-42" on a thread of its own, as a worker would.
void run_as_task(void (*function)(), GuardKinds kinds = usable_guards()) {
    install_overflow_handler();
    set_stack_owner_describer(describe_by_owner);
    std::thread{[=] {
        const SignalStack signal_stack;
        StackPool pool{StackLayout::kUsableDefault, kinds};
        StackCache cache{pool};
        Stack* const stack = cache.take();
        static char name[] = "fetch-42";
        stack->owner = name;
        test::run_on(*stack, function);
        cache.give(stack);
    }}.join();
}

/// What was there before weft's handler: a sanitizer has one of its own.
void handle_before(void (*handler)(int, siginfo_t*, void*), int flags) {
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    ::sigaction(SIGSEGV, &action, nullptr);
}

void default_before() {
    std::signal(SIGSEGV, SIG_DFL);
    std::signal(SIGBUS, SIG_DFL);
}

void write_to_null() {
    int* volatile address = reinterpret_cast<int*>(std::uintptr_t{8});
    *address = 1;
}

// Each shape of an overflow. Kept from the optimizer by what it reads and returns.

[[gnu::noinline]] int recurse(int depth) {
    volatile char frame[400];
    frame[0] = static_cast<char>(depth);
    return depth > 0 ? recurse(depth + 1) + frame[0] : 0;
}

void overflow_by_recursion() {
    recurse(1);
}

// Needs -fstack-clash-protection, as all of weft, where the compiler itself writes to the lower end
// of a frame first (ASan does): the frame would be past the guard.
void overflow_by_large_frame() {
    volatile char frame[300 * 1024];
    for (std::size_t i = sizeof frame; i > 0; i -= 1024) {
        frame[i - 1] = 1;
    }
}

/// Where the caller stands: not the address of a local, which ASan may keep elsewhere.
[[gnu::always_inline]] inline std::byte* here() {
    return static_cast<std::byte*>(__builtin_frame_address(0));
}

[[gnu::noinline]] void print_near_the_end(const std::byte* low) {
    volatile char frame[256];
    frame[0] = 1;
    char text[400];
    if (here() - low > 2'300) {
        print_near_the_end(low);
    } else {
        std::snprintf(text, sizeof text, "%.*f", 300, 1e300 + frame[0]);
    }
    frame[1] = text[0];
}

void overflow_inside_printf() {
    print_near_the_end(find_stack(here())->low);
}

void overflow_inside_memset() {
    std::byte* volatile const below = find_stack(here())->low - 4096;
    std::memset(below, 1, static_cast<std::size_t>(here() - below) - 64 * 1024);
}

constexpr const char* kReport =
    "^weft: stack overflow in task 'fetch-42' "
    "\\(stack 192512 bytes, fault at 0x[0-9a-f]+, in [^ ]+\\+0x[0-9a-f]+\\)\n$";

TEST(OverflowDeathTest, EachShapeNamesTheTask) {
    default_before();
    for (void (*shape)() :
         {overflow_by_recursion,
          overflow_by_large_frame,
          overflow_inside_printf,
          overflow_inside_memset}) {
        EXPECT_EXIT(run_as_task(shape), KilledBySignal(SIGSEGV), kReport);
    }
}

TEST(OverflowDeathTest, EachGuardIsRecognised) {
    default_before();
    for (const GuardKinds kinds :
         {GuardKinds{.process_madvise = true},
          GuardKinds{.madvise = true},
          GuardKinds{.mprotect = true}}) {
        EXPECT_EXIT(run_as_task(overflow_by_recursion, kinds), KilledBySignal(SIGSEGV), kReport);
    }
}

TEST(OverflowDeathTest, BrokenCanaryNamesTheTask) {
    EXPECT_EXIT(
        run_as_task(
            [] {
                const Stack& stack = *find_stack(here());
                std::fill(stack.low, stack.low + 16, std::byte{});
                if (!canary_intact(stack)) {
                    die_of_broken_canary(stack);
                }
            },
            GuardKinds{}
        ),
        KilledBySignal(SIGABRT),
        "weft: stack overflow in task 'fetch-42' \\(stack 192512 bytes, its canary at 0x[0-9a-f]+ "
        "was overwritten\\)\n$"
    );
}

TEST(OverflowDeathTest, NamesNobodyWithoutADescriber) {
    default_before();
    EXPECT_EXIT(
        run_as_task([] {
            set_stack_owner_describer(nullptr);
            overflow_by_recursion();
        }),
        KilledBySignal(SIGSEGV),
        "^weft: stack overflow in task 'unknown' \\(stack 192512 bytes"
    );
}

// Goal: what is no overflow is not called one, and dies as it would have.

TEST(OverflowDeathTest, NullPointerIsNoOverflow) {
    default_before();
    EXPECT_EXIT(run_as_task(write_to_null), KilledBySignal(SIGSEGV), "^$");
}

TEST(OverflowDeathTest, WildPointerIntoAGuardIsNoOverflow) {
    default_before();
    const auto write_from_outside = [] {
        install_overflow_handler();
        const SignalStack signal_stack;
        StackPool pool;
        StackCache cache{pool};
        const Stack* const stack = cache.take();
        std::byte* volatile const wild = stack->guard_low;
        *wild = std::byte{1};
    };
    EXPECT_EXIT(
        write_from_outside(),
        KilledBySignal(SIGSEGV),
        "^weft: bad pointer into the guard of task 'unknown' \\(stack 192512 bytes"
    );
}

// Goal: the handler that was there before sees what it would have seen.

TEST(OverflowDeathTest, EarlierHandlerIsCalled) {
    handle_before(
        [](int signal, siginfo_t* info, void* context) {
            const bool right = signal == SIGSEGV && info->si_addr == reinterpret_cast<void*>(8) &&
                               info->si_code == SEGV_MAPERR && context != nullptr;
            say(right ? "chained" : "wrong");
            std::_Exit(7);
        },
        SA_SIGINFO
    );
    EXPECT_EXIT(run_as_task(write_to_null), ExitedWithCode(7), "^chained$");
    EXPECT_EXIT(run_as_task(overflow_by_recursion), KilledBySignal(SIGSEGV), kReport);
    default_before();
}

TEST(OverflowDeathTest, EarlierHandlerMayJumpOut) {
    static sigjmp_buf place;
    std::signal(SIGSEGV, [](int) { siglongjmp(place, 1); });
    const auto fault_three_times = [] {
        install_overflow_handler();
        for (int i = 0; i < 3; ++i) {
            if (sigsetjmp(place, 1) == 0) {
                write_to_null();
            }
        }
        std::_Exit(0);
    };
    EXPECT_EXIT(fault_three_times(), ExitedWithCode(0), "^$");
    default_before();
}

TEST(OverflowDeathTest, EarlierOneShotHandlerIsCalledOnce) {
    handle_before(
        [](int, siginfo_t*, void*) { say("once"); }, SA_SIGINFO | static_cast<int>(SA_RESETHAND)
    );
    EXPECT_EXIT(run_as_task(write_to_null), KilledBySignal(SIGSEGV), "^once$");
    default_before();
}

TEST(OverflowDeathTest, IgnoredFaultStillKills) {
    std::signal(SIGSEGV, SIG_IGN);
    EXPECT_EXIT(run_as_task(write_to_null), KilledBySignal(SIGSEGV), "^$");
    const auto be_sent_one = [] {
        install_overflow_handler();
        ::kill(::getpid(), SIGSEGV);
        std::_Exit(0);
    };
    EXPECT_EXIT(be_sent_one(), ExitedWithCode(0), "^$");
    default_before();
    EXPECT_EXIT(be_sent_one(), KilledBySignal(SIGSEGV), "^$");
}

TEST(OverflowDeathTest, InstallsOnce) {
    default_before();
    const auto install_twice = [] {
        install_overflow_handler();
        install_overflow_handler();  // must not take the first one for the program's
        write_to_null();
    };
    EXPECT_EXIT(install_twice(), KilledBySignal(SIGSEGV), "^$");
}

TEST(SignalStackTest, BringsTheEarlierOneBack) {
    std::thread{[] {
        stack_t before{};
        ::sigaltstack(nullptr, &before);
        stack_t now{};
        {
            const SignalStack signal_stack;
            ASSERT_TRUE(signal_stack.is_installed());
            ::sigaltstack(nullptr, &now);
            EXPECT_GE(now.ss_size, 64U * 1024);
            EXPECT_NE(now.ss_sp, before.ss_sp);
            {
                const SignalStack inner;
                stack_t innermost{};
                ::sigaltstack(nullptr, &innermost);
                EXPECT_NE(innermost.ss_sp, now.ss_sp);
            }
            stack_t restored{};
            ::sigaltstack(nullptr, &restored);
            EXPECT_EQ(restored.ss_sp, now.ss_sp);
        }
        ::sigaltstack(nullptr, &now);
        EXPECT_EQ(now.ss_flags, before.ss_flags);
        if ((before.ss_flags & SS_DISABLE) == 0) {  // else its address means nothing
            EXPECT_EQ(now.ss_sp, before.ss_sp);
        }
    }}.join();
}

}  // namespace
}  // namespace weft::rt
