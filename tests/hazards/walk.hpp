#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cfenv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <vector>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "base/posix.hpp"
#include "base/rng.hpp"
#include "support/scale.hpp"

// Tasks that wander between threads and compare, after each suspension, what the thread and the
// C++ runtime say with what they know: thread-locals, errno, exceptions in flight, rounding mode.
// Shared by tests/fiber and the program migrations.cpp. Header only: compiled as its user is.

namespace weft::test {

/// What walks have found.
struct Findings {
    std::uint64_t migrations = 0;  ///< suspensions after which the task was on another thread
    std::uint64_t suspensions = 0;
    std::uint64_t tls = 0;  ///< wrong thread-local, loop or task
    std::uint64_t error_number = 0;
    std::uint64_t exceptions = 0;
    std::uint64_t rounding = 0;
    // What code that does not know of migrations gets wrong. Not 0, or the walk proved nothing.
    std::uint64_t naive_tls = 0;
    std::uint64_t naive_error_number = 0;

    [[nodiscard]] std::uint64_t wrong() const noexcept {
        return tls + error_number + exceptions + rounding;
    }
    Findings& operator+=(const Findings& other) noexcept {
        migrations += other.migrations;
        suspensions += other.suspensions;
        tls += other.tls;
        error_number += other.error_number;
        exceptions += other.exceptions;
        rounding += other.rounding;
        naive_tls += other.naive_tls;
        naive_error_number += other.naive_error_number;
        return *this;
    }
};

inline void note(std::uint64_t& wrong, bool right) noexcept {
    wrong += right ? 0U : 1U;
}

// ---------------------------------------------------------------------------------------------
// The thread

/// The kernel's word for it: nothing that a compiler could keep.
[[nodiscard]] inline pid_t real_thread() noexcept {
    return static_cast<pid_t>(::syscall(SYS_gettid));
}

struct ThreadSlot {
    pid_t id = 0;
};
inline thread_local constinit ThreadSlot slot_of_thread;

/// The accessor that README's rule asks users for.
[[nodiscard, gnu::noinline]] inline ThreadSlot& thread_slot() noexcept {
    ThreadSlot* address = &slot_of_thread;
    asm volatile("" : "+r"(address) : : "memory");
    return *address;
}

/// The one that looks as if it were enough. Both compilers see that it is pure, and merge calls.
[[nodiscard, gnu::noinline]] static ThreadSlot* careless_thread_slot() noexcept {
    ThreadSlot* address = &slot_of_thread;
    asm("" : "+r"(address));  // not volatile
    return address;
}

[[gnu::noinline]] inline void plant_errno(int value) noexcept {
    errno = value;
    asm volatile("" : : : "memory");
}

/// Which thread drives which loop, as the first task there has seen it.
class LoopThreads {
public:
    /// Whether the loop has been on this thread all the time.
    [[nodiscard]] bool agrees(int loop, pid_t thread) noexcept {
        pid_t expected = 0;
        return threads_.at(static_cast<std::size_t>(loop))
                   .compare_exchange_strong(expected, thread, std::memory_order_relaxed) ||
               expected == thread;
    }

private:
    static constexpr std::size_t kMostLoops = 64;
    std::array<std::atomic<pid_t>, kMostLoops> threads_{};
};

// ---------------------------------------------------------------------------------------------
// Rounding

inline constexpr std::array kRoundings{FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

/// The mode that SSE arithmetic follows now; fegetround() reads the x87 unit's.
[[nodiscard]] inline int rounding_in_use() noexcept {
    volatile double one = 1.0;
    volatile double tiny = 0x1p-60;
    volatile double minus_one = -1.0;
    const double above = one + tiny;
    const double below = one - tiny;
    const double minus_below = minus_one - tiny;
    if (above > 1.0) {
        return FE_UPWARD;
    }
    if (minus_below < -1.0) {
        return FE_DOWNWARD;
    }
    return below < 1.0 ? FE_TOWARDZERO : FE_TONEAREST;
}

[[nodiscard]] inline bool rounds(int mode) noexcept {
    return std::fegetround() == mode && rounding_in_use() == mode;
}

// ---------------------------------------------------------------------------------------------
// The walk

/// What a walker throws.
struct Token {
    std::uint64_t id;
};

/// How far to walk: until one of the two is reached. Without hop mode migrations are up to thieves,
/// and may not come.
struct Distance {
    std::uint64_t migrations = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t suspensions = std::numeric_limits<std::uint64_t>::max();

    [[nodiscard]] Distance share(std::uint64_t of) const noexcept {
        return {migrations / of + 1, suspensions / of + 1};
    }
};

/// One task's walk. Lives in the task.
class Walker {
public:
    Walker(std::uint64_t seed, LoopThreads& threads) : rng_(seed), threads_(threads) {}

    Findings walk(const Distance& distance) {
        begin();
        while (found_.migrations < distance.migrations && found_.suspensions < distance.suspensions
        ) {
            storm(kDepth);
            if (rng_.below(kOneInRoundings) == 0) {
                choose_rounding();
            }
        }
        return found_;  // its rounding mode is left behind, for the next task to stumble over
    }

private:
    static constexpr int kDepth = 3;
    static constexpr std::uint32_t kOneInRoundings = 8;

    void begin() {
        self_.emplace_back(current_task());
        enter_thread(real_thread());
        check(real_thread());
    }

    void choose_rounding() {
        mode_ = kRoundings[rng_.below(kRoundings.size())];
        std::fesetround(mode_);
    }

    void hop() {
        across([] { yield(); });
    }

    /// Suspends, and sees what is left. One function, so that a compiler that wants to keep
    /// something of the old thread can.
    template <class Suspend>
    [[gnu::noinline]] void across(Suspend suspend) {
        const pid_t before = real_thread();
        enter_thread(before);
        note(found_.error_number, rt::checked(&::close, -1) == -EBADF);
        slot_of_thread.id = before;
        careless_thread_slot()->id = before;
        errno = 0;
        plant_errno(ERANGE);

        suspend();

        const pid_t now = real_thread();
        ++found_.suspensions;
        note(found_.migrations, now == before);
        enter_thread(now);
        note(found_.error_number, rt::checked(&::chdir, "") == -ENOENT);
        plant_errno(EDOM);
        check_naively(now);
        check(now);
    }

    /// The same as code that knows nothing of migrations: proof that something was at stake. Inlined,
    /// so that the compiler may keep what it knew before the suspension.
    [[gnu::always_inline]] void check_naively(pid_t thread) {
        if (kTsan) {
            return;  // reading the old thread's slot is the data race that it is meant to be
        }
        note(found_.naive_error_number, errno == EDOM);
        ThreadSlot* naive = &slot_of_thread;
        asm("" : "+r"(naive));
        note(found_.naive_tls, naive->id == thread && careless_thread_slot()->id == thread);
    }

    void check(pid_t thread) {
        note(found_.tls, thread_slot().id == thread);
        note(found_.tls, threads_.agrees(get_running_loop().index(), thread));
        note(found_.tls, current_task() == self_.front());
        note(found_.exceptions, std::uncaught_exceptions() == uncaught_);
        const std::exception_ptr top = caught_.empty() ? nullptr : caught_.back();
        note(found_.exceptions, std::current_exception() == top);
        note(found_.rounding, rounds(mode_));
    }

    /// Out of line: the address must not be known to who suspends next.
    [[gnu::noinline]] static void enter_thread(pid_t thread) noexcept { thread_slot().id = thread; }

    /// Random steps; each may hold more inside.
    void storm(int depth) {
        const std::uint32_t steps = 1 + rng_.below(3);
        for (std::uint32_t i = 0; i < steps; ++i) {
            const std::uint32_t kind = depth > 0 ? rng_.below(6) : 0;
            if (kind <= 2) {
                hop();
            } else if (kind == 5 && depth > 1) {
                have_a_child();
            } else {
                throw_and_catch(depth - 1, kind);
            }
        }
    }

    void throw_and_catch(int depth, std::uint32_t kind) {
        const std::uint64_t id = rng_.next();
        try {
            const WaitsWhenDestroyed waits{*this, kind == 3 ? depth : -1};
            throw_token(id, depth, kind == 4);
        } catch (const Token& token) {
            const Caught caught{*this};
            note(found_.exceptions, token.id == id);
            storm(depth);
            note(found_.exceptions, token.id == id);
        }
        check(real_thread());
    }

    /// Throws; by way of a catch block that waits and rethrows if told to.
    void throw_token(std::uint64_t id, int depth, bool again) {
        if (!again) {
            throw Token{id};
        }
        try {
            throw Token{id};
        } catch (...) {
            const Caught caught{*this};
            storm(depth);
            throw;
        }
    }

    /// Keeps the model: which exception the innermost catch block has.
    struct Caught {
        explicit Caught(Walker& owner) : walker(owner) {
            walker.caught_.push_back(std::current_exception());
        }
        Caught(const Caught&) = delete;
        Caught& operator=(const Caught&) = delete;
        ~Caught() { walker.caught_.pop_back(); }
        Walker& walker;
    };

    /// A destructor that waits while an exception passes.
    struct WaitsWhenDestroyed {
        Walker& walker;
        int depth;
        ~WaitsWhenDestroyed() {
            if (depth >= 0) {
                ++walker.uncaught_;
                walker.storm(depth);
                --walker.uncaught_;
            }
        }
    };

    /// Starts a child with this task's mode in force, perhaps in this task's place, and has it
    /// leave another.
    void have_a_child() {
        const std::uint64_t seed = rng_.next();
        Findings found;
        across([&] {
            found = await(spawn([seed, &threads = threads_] {
                Walker child(seed, threads);
                child.begin();
                child.choose_rounding();
                child.storm(1);
                return child.found_;
            }));
        });
        found_ += found;
    }

    rt::Rng rng_;
    LoopThreads& threads_;
    std::vector<AnyTask> self_;
    std::vector<std::exception_ptr> caught_;
    int uncaught_ = 0;
    int mode_ = FE_TONEAREST;
    Findings found_;
};

inline constexpr std::uint64_t kWalkers = 32;

/// Lets stealable tasks wander over `workers` loops for a distance in all, with a task on each loop
/// that stays and looks on.
inline Findings walk(int workers, bool hop, const Distance& distance, std::uint64_t seed) {
    RuntimeOptions options;
    options.workers = workers;
    options.hop = hop;
    options.pin = Pin::None;
    Runtime runtime(options);
    LoopThreads threads;
    return runtime.run([&] {
        std::vector<Task<Findings>> walkers;
        for (std::uint64_t i = 0; i < kWalkers; ++i) {
            walkers.push_back(spawn([&threads, i, seed, share = distance.share(kWalkers)] {
                return Walker(seed * kWalkers + i, threads).walk(share);
            }));
        }
        std::atomic<bool> ended{false};
        std::vector<Task<std::uint64_t>> bystanders;
        for (int i = 0; i < workers; ++i) {
            bystanders.push_back(runtime.loop(i).create_task([&ended] {
                std::uint64_t wrong = 0;
                const pid_t thread = real_thread();
                while (!ended.load(std::memory_order_relaxed)) {
                    const bool clean = std::uncaught_exceptions() == 0 &&
                                       std::current_exception() == nullptr &&
                                       real_thread() == thread && rounds(FE_TONEAREST);
                    note(wrong, clean);
                    // It must not keep a loop busy that has nothing else to do.
                    sleep(std::chrono::microseconds(200));
                }
                return wrong;
            }));
        }
        Findings all;
        for (const Task<Findings>& walker : walkers) {
            all += await(walker);
        }
        ended.store(true, std::memory_order_relaxed);
        for (const Task<std::uint64_t>& bystander : bystanders) {
            all.exceptions += await(bystander);
        }
        return all;
    });
}

}  // namespace weft::test
