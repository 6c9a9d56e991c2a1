#include "sched/simulation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "base/check.hpp"
#include "fiber/sanitizer.hpp"
#include "fiber/thread_stack.hpp"
#include "task/carrier.hpp"

namespace weft::rt {
namespace {

constexpr std::uint64_t kHashFactor = 0x100000001B3ULL;  // FNV-1a
constexpr std::uint32_t kLongestFreeze = 2'000;          // steps

template <class T, std::size_t kCount>
T one_of(Rng& rng, const std::array<T, kCount>& values) {
    return values[rng.below(kCount)];
}

Simulation::Temper draw_temper(Rng& rng) {
    Simulation::Temper temper{};
    temper.workers = one_of<int>(rng, std::array{1, 2, 2, 3, 3, 4, 5, 8});
    temper.switch_every = one_of<std::uint32_t>(rng, std::array{1U, 2U, 4U, 16U, 64U, 256U});
    temper.longest_step = one_of<Nanos>(rng, std::array<Nanos, 4>{100, 1'000, 10'000, 1'000'000});
    temper.hop_percent = one_of<std::uint32_t>(rng, std::array{0U, 0U, 10U, 50U, 100U});
    temper.runs_per_turn = one_of<std::uint32_t>(rng, std::array{1U, 2U, 8U, 64U});
    temper.freeze_percent = one_of<std::uint32_t>(rng, std::array{0U, 0U, 1U, 20U});
    temper.in_place = rng.below(2) == 0;
    return temper;
}

/// That of a real run.
Simulation::Temper even_temper(const PricedMachine& machine) {
    Simulation::Temper temper{};
    temper.workers = machine.workers();
    temper.in_place = true;
    return temper;
}

/// A loop's sleep in a simulation.
class SimulatedReactor final : public Reactor {
public:
    explicit SimulatedReactor(Simulation& simulation) : simulation_(simulation) {}

    int wait(Nanos timeout) noexcept override {
        if (PricedMachine* const machine = simulation_.machine(); machine != nullptr) {
            machine->poll();
        }
        if (!std::exchange(told_, false) && timeout != 0) {
            sleeper_ = simulation_.running();
            sleeps_ = true;
            simulation_.sleep_until(timeout == kNever ? kNever : simulation_.now() + timeout);
            sleeps_ = false;
            told_ = false;
        }
        return 0;
    }
    void dispatch() noexcept override {}
    int rescue() noexcept override { return 0; }
    [[nodiscard]] int fd() const noexcept override { return -1; }
    void wake() noexcept override {
        WEFT_CHECK(
            Simulation::of_thread() == &simulation_,
            "a thread from outside of a simulation wakes one of its loops"
        );
        told_ = true;
        if (sleeps_) {
            simulation_.wake(sleeper_);
        }
        if (PricedMachine* const machine = simulation_.machine(); machine != nullptr) {
            machine->pay_wake();
        }
    }
    [[nodiscard]] std::error_code attach(int, bool, Descriptor*&) noexcept override {
        return {ENOTSUP, std::generic_category()};
    }
    [[nodiscard]] ssize_t perform(Operation&) override { return -ENOTSUP; }
    void end(Descriptor&) noexcept override {}

private:
    Simulation& simulation_;
    bool told_ = false;
    bool sleeps_ = false;
    std::size_t sleeper_ = 0;
};

}  // namespace

Simulation* Simulation::of_thread() noexcept {
    return simulation_of_thread();
}

Simulation::Simulation(Options options)
    : options_(std::move(options)),
      machine_(options_.machine),
      rng_(options_.seed),
      temper_(machine_ == nullptr ? draw_temper(rng_) : even_temper(*machine_)),
      exceptions_(exception_state_of_thread()),
      stacks_(process_stack_pool()),
      now_(kVirtualStart),
      lost_at_(options_.most_steps) {
    WEFT_CHECK(of_thread() == nullptr, "a simulation begins within another one");
    WEFT_CHECK(current_carrier() == nullptr, "a simulation begins on a loop");
    describe_thread_stack(own_stack_);
    threads_.push_back(std::make_unique<VirtualThread>());
    threads_.front()->base = &own_stack_;
    set_simulation_of_thread(this);
}

Simulation::~Simulation() {
    WEFT_CHECK(running_ == 0 && is_alone(), "a simulation ends before its threads");
    set_simulation_of_thread(nullptr);
    forget_thread_stack(own_stack_);
}

bool Simulation::is_alone() const noexcept {
    return std::all_of(threads_.begin() + 1, threads_.end(), [](const auto& thread) {
        return thread->state == State::Ended;
    });
}

void Simulation::note(std::uint64_t value) noexcept {
    hash_ = (hash_ ^ value) * kHashFactor;
}

std::size_t Simulation::start(std::function<void()> body) {
    auto thread = std::make_unique<VirtualThread>();
    thread->body = std::move(body);
    thread->base = stacks_.take();
    if (thread->base == nullptr) {
        throw std::bad_alloc();
    }
    thread->left = thread->base;
    thread->context = make_context(*thread->base, &Simulation::enter);
    threads_.push_back(std::move(thread));
    if (machine_ != nullptr) {
        machine_->add_thread();
    }
    return threads_.size() - 1;
}

// As the run loop these two are never left by a return, and what they have on their frame is looked at
// when the sanitizers have been told that it is gone.
WEFT_NO_INSTRUMENT void Simulation::enter() {
    Simulation& self = *of_thread();
    // Not kept in a variable of this frame, which is never left by a return.
    std::exchange(self.threads_[self.running_]->body, nullptr)();
    self.end();
}

void Simulation::point() noexcept {
    ++steps_;
    if (machine_ != nullptr) {
        point_of_machine();
        return;
    }
    if (undivided_ > 0) {
        return;
    }
    if (below(temper_.switch_every) != 0) {
        return;
    }
    now_ += 1 + below(static_cast<std::uint32_t>(temper_.longest_step));
    wake_those_due();
    if (chance(temper_.freeze_percent)) {
        threads_[below(static_cast<std::uint32_t>(threads_.size()))]->frozen_until =
            steps_ + below(kLongestFreeze);
    }
    go_on_with(choose());
}

void Simulation::settle() noexcept {
    if (const Carrier* const carrier = current_carrier(); carrier != nullptr) {
        machine_->settle(carrier->counters);
    }
}

void Simulation::point_of_machine() noexcept {
    settle();
    if (undivided_ == 0 && machine_->is_ahead()) {
        machine_->leave_ready();
        go_on_with(choose());
    }
}

void Simulation::tell_lost(const char* why) noexcept {
    const Undivided whole(this);
    options_.on_lost(why);
}

void Simulation::check_progress() noexcept {
    if (steps_ > lost_at_) {
        lost_at_ = steps_ + options_.most_steps;
        tell_lost("it goes on for longer than it should");
    }
}

void Simulation::sleep_until(Nanos deadline) noexcept {
    WEFT_CHECK(undivided_ == 0, "a virtual thread sleeps where no other may run");
    ++steps_;
    VirtualThread& self = *threads_[running_];
    self.until = deadline;
    self.state = State::Sleeping;
    if (machine_ != nullptr) {
        settle();
        machine_->leave_asleep(deadline);
    }
    go_on_with(choose());
}

void Simulation::sleep_for(Nanos length) noexcept {
    sleep_until(now() + length);
}

void Simulation::wake(std::size_t thread) noexcept {
    if (threads_[thread]->state == State::Sleeping) {
        threads_[thread]->state = State::Ready;
        if (machine_ != nullptr) {
            machine_->wake(thread);
        }
    }
}

void Simulation::wake_those_due() noexcept {
    for (const auto& thread : threads_) {
        if (thread->state == State::Sleeping && thread->until <= now_) {
            thread->state = State::Ready;
        }
    }
}

/// When nobody is ready: to the next deadline. False when there is none.
bool Simulation::pass_time() noexcept {
    Nanos next = kNever;
    for (const auto& thread : threads_) {
        if (thread->state == State::Sleeping) {
            next = std::min(next, thread->until);
        }
    }
    if (next == kNever) {
        return false;
    }
    now_ = std::max(now_, next);
    wake_those_due();
    return true;
}

/// One that is ready, leaving out the frozen as long as there are others; the number of all if none.
std::size_t Simulation::pick_ready() noexcept {
    const auto count_of = [this](bool frozen_too) {
        return static_cast<std::uint32_t>(std::count_if(
            threads_.begin(),
            threads_.end(),
            [&](const auto& thread) {
                return thread->state == State::Ready &&
                       (frozen_too || thread->frozen_until <= steps_);
            }
        ));
    };
    bool frozen_too = false;
    std::uint32_t count = count_of(frozen_too);
    if (count == 0) {
        frozen_too = true;
        count = count_of(frozen_too);
    }
    if (count == 0) {
        return threads_.size();
    }
    std::uint32_t skip = below(count);
    for (std::size_t i = 0;; ++i) {
        const VirtualThread& thread = *threads_[i];
        if (thread.state == State::Ready && (frozen_too || thread.frozen_until <= steps_) &&
            skip-- == 0) {
            return i;
        }
    }
}

std::size_t Simulation::choose() noexcept {
    const std::size_t next = machine_ == nullptr ? choose_by_chance() : choose_by_time();
    note(steps_);
    note(next);
    return next;
}

/// It counts as running from here on: its clock is that of all.
std::size_t Simulation::choose_by_time() noexcept {
    std::size_t next = machine_->first();
    while (next == PricedMachine::kNobody) {
        tell_lost("everybody waits, and nothing is due");
        wake(running_);
        next = machine_->first();
    }
    machine_->go_on_with(next);
    threads_[next]->state = State::Ready;
    return next;
}

std::size_t Simulation::choose_by_chance() noexcept {
    std::size_t next = pick_ready();
    while (next == threads_.size()) {
        if (!pass_time()) {
            tell_lost("everybody waits, and nothing is due");
            wake(running_);
        }
        next = pick_ready();
    }
    return next;
}

void Simulation::take_thread_over(VirtualThread& next) noexcept {
    *exceptions_ = std::exchange(next.exceptions, ExceptionState{});
    set_current_carrier(next.carrier);
}

[[gnu::noinline]] void Simulation::go_on_with(std::size_t next) noexcept {
    if (next == running_) {
        return;
    }
    VirtualThread& self = *threads_[running_];
    VirtualThread& other = *threads_[next];
    self.carrier = current_carrier();
    self.exceptions = *exceptions_;
    self.left =
        self.carrier != nullptr && self.carrier->stack != nullptr ? self.carrier->stack : self.base;
    running_ = next;
    take_thread_over(other);
    switch_stack(
        &self.context, *self.left, other.context, *other.left, &nothing_to_commit, nullptr
    );
}

WEFT_NO_INSTRUMENT void Simulation::end() noexcept {
    threads_[running_]->state = State::Ended;
    if (machine_ != nullptr) {
        machine_->leave_for_good();
    }
    struct Ending {
        StackCache* stacks;
        Stack* stack;
    } ending{&stacks_, threads_[running_]->base};
    running_ = choose();
    VirtualThread& other = *threads_[running_];
    take_thread_over(other);
    abandon_stack(
        other.context,
        *other.left,
        [](void* argument) noexcept {
            const Ending self = *static_cast<Ending*>(argument);
            self.stacks->give(self.stack);
        },
        &ending
    );
}

std::unique_ptr<Reactor> Simulation::make_reactor() {
    return std::make_unique<SimulatedReactor>(*this);
}

}  // namespace weft::rt
