#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/rng.hpp"
#include "fiber/exception_state.hpp"
#include "fiber/stack_pool.hpp"
#include "fiber/switch.hpp"
#include "reactor/reactor.hpp"
#include "sched/priced_machine.hpp"

namespace weft::rt {

struct Carrier;

/// Runs the threads of a runtime as virtual threads of the calling one, and decides by a seed which of
/// them goes on at each point: the same seed, the same run.
///
/// While one is running on a thread, every runtime made there belongs to it. What it owns, each of
/// which is chance in a real run: who runs next (point), the time (Clock), what a loop sleeps in
/// (make_reactor), and random numbers (below).
///
/// With a machine nothing is chance but where a search begins: operations take the time that they have a
/// price for, and whoever is behind goes on.
///
/// Threads   one.
class Simulation final : public Clock {
public:
    struct Options {
        std::uint64_t seed = 0;
        std::uint64_t most_steps = 0;
        PricedMachine* machine = nullptr;  ///< outlives the simulation
        /// Nothing goes on, or it does for too long. Called by the virtual thread that found out, which
        /// goes on after that: a loop with nothing to do.
        std::function<void(const char* why)> on_lost;
    };
    explicit Simulation(Options options);
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;
    ~Simulation() override;

    /// The one that runs on this thread, or null. Does not change at a suspension.
    [[nodiscard]] static Simulation* of_thread() noexcept;

    // ---- virtual threads; the first is the real one

    /// Makes one that runs `body`. It begins at some later point. Throws std::bad_alloc.
    std::size_t start(std::function<void()> body);
    /// Says so when the run has taken too many steps. Not from within anything.
    void check_progress() noexcept;
    /// Somebody else may go on here. Not while holding what is waited for without a point.
    void point() noexcept;
    /// Lets the others go on until wake() or the deadline, whichever comes first.
    void sleep_until(Nanos deadline) noexcept;
    void sleep_for(Nanos length) noexcept;
    void wake(std::size_t thread) noexcept;
    [[nodiscard]] std::size_t running() const noexcept { return running_; }
    /// The stack that the running virtual thread began on.
    [[nodiscard]] Stack& base_stack() noexcept { return *threads_[running_]->base; }
    /// While it lives, points are none: for what may not be entered twice by one real thread.
    class Undivided;

    // ---- chance

    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept { return rng_.below(bound); }
    [[nodiscard]] bool chance(std::uint32_t percent) noexcept { return below(100) < percent; }

    /// What differs from seed to seed, so that each run tries something else hard.
    struct Temper {
        int workers;                   ///< for a runtime that leaves it to us
        std::uint32_t switch_every;    ///< points, on average
        Nanos longest_step;            ///< the time that passes from one switch to the next
        std::uint32_t hop_percent;     ///< of the stealable tasks that become ready move
        std::uint32_t runs_per_turn;   ///< direct switches, at most
        std::uint32_t freeze_percent;  ///< of the switches leave a thread out for a while
        bool in_place;                 ///< a waiting task calls a fresh child
    };
    [[nodiscard]] const Temper& temper() const noexcept { return temper_; }

    // ---- time

    [[nodiscard]] Nanos now() noexcept override {
        return machine_ == nullptr ? now_ : machine_->now();
    }
    /// In place of the processor's counter: one per step, and a machine's per nanosecond.
    [[nodiscard]] std::uint64_t ticks() const noexcept {
        return machine_ == nullptr ? steps_ : machine_->ticks();
    }
    [[nodiscard]] std::uint64_t ticks_per_microsecond() const noexcept {
        return machine_ == nullptr ? kTicksPerMicrosecond : PricedMachine::kTicksPerMicrosecond;
    }

    // ---- a machine with prices

    /// Null where all is chance.
    [[nodiscard]] PricedMachine* machine() const noexcept { return machine_; }
    /// What it has done so far is charged; no point.
    void settle() noexcept;
    /// A point, at which a loop waits for something to change.
    void spin() noexcept {
        if (machine_ != nullptr) {
            machine_->spin();
        }
        point();
    }

    /// In place of epoll: sleeps until wake() or a deadline; watches no descriptor.
    [[nodiscard]] std::unique_ptr<Reactor> make_reactor();

    // ---- what came of it

    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
    /// Of each choice so far, and of what note() was told: equal runs have equal ones.
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
    void note(std::uint64_t value) noexcept;
    /// Whether all virtual threads but the first have ended.
    [[nodiscard]] bool is_alone() const noexcept;

private:
    enum class State : std::uint8_t { Ready, Sleeping, Ended };
    struct VirtualThread {
        std::function<void()> body;
        State state = State::Ready;
        Nanos until = kNever;            // while it sleeps
        std::uint64_t frozen_until = 0;  // steps
        Stack* base = nullptr;
        Stack* left = nullptr;  // where it stood when it was left
        Context context = nullptr;
        Carrier* carrier = nullptr;
        ExceptionState exceptions;
    };

    [[noreturn]] static void enter();
    [[noreturn]] void end() noexcept;
    [[nodiscard]] std::size_t choose() noexcept;
    [[nodiscard]] std::size_t choose_by_chance() noexcept;
    [[nodiscard]] std::size_t choose_by_time() noexcept;
    void point_of_machine() noexcept;
    [[nodiscard]] std::size_t pick_ready() noexcept;
    [[nodiscard]] bool pass_time() noexcept;
    void tell_lost(const char* why) noexcept;
    void wake_those_due() noexcept;
    void go_on_with(std::size_t next) noexcept;
    void take_thread_over(VirtualThread& next) noexcept;

    static constexpr std::uint64_t kTicksPerMicrosecond = 3;

    Options options_;
    PricedMachine* const machine_;
    Rng rng_;
    Temper temper_;
    ExceptionState* const exceptions_;
    Stack own_stack_;  // describes the real thread's
    StackCache stacks_;
    std::vector<std::unique_ptr<VirtualThread>> threads_;
    std::size_t running_ = 0;
    Nanos now_;
    std::uint64_t steps_ = 0;
    std::uint64_t lost_at_;
    std::uint64_t hash_ = 0;
    int undivided_ = 0;
};

class Simulation::Undivided {
public:
    explicit Undivided(Simulation* simulation) noexcept : simulation_(simulation) {
        if (simulation_ != nullptr) {
            ++simulation_->undivided_;
        }
    }
    Undivided(const Undivided&) = delete;
    Undivided& operator=(const Undivided&) = delete;
    ~Undivided() {
        if (simulation_ != nullptr) {
            --simulation_->undivided_;
        }
    }

private:
    Simulation* simulation_;
};

}  // namespace weft::rt
