#include <atomic>
#include <exception>
#include <memory>
#include <weft/gather.hpp>
#include <weft/task_group.hpp>

#include "storm/actor.hpp"
#include "storm/findings.hpp"
#include "storm/plant.hpp"

namespace weft::storm {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

struct PlannedError {};

/// Goes with a function of a task, to see that it is gone.
class Presence {
public:
    explicit Presence(std::atomic<int>& count) : count_(&count) { count_->fetch_add(1); }
    Presence(Presence&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;
    Presence& operator=(Presence&&) = delete;
    ~Presence() {
        if (count_ != nullptr && !planted(Plant::GroupLeft)) {
            count_->fetch_sub(1);
        }
    }

private:
    std::atomic<int>* count_;
};

enum class End { Work, Throw, Cancel, Late };

/// `End::Late`, `Cancel`: until somebody cancels it.
void be_a_member(Actor& self, End end, bool throws) {
    self.pause();
    if (throws) {
        throw PlannedError();
    }
    if (end != End::Work) {
        weft::sleep(hours(1));
    }
}

void fill_group(Actor& actor, TaskGroup& group, std::atomic<int>& present, End end) {
    World& world = actor.world;
    for (int left = actor.dice.between(1, 4); left > 0; --left) {
        auto member = world.booked([&world,
                                    presence = Presence(present),
                                    dice = actor.dice.fork(),
                                    end,
                                    throws = end == End::Throw && left == 1] {
            Actor self(world, dice, true);
            be_a_member(self, end, throws);
        });
        if (actor.dice.one_in(2)) {
            group.spawn(std::move(member));
        } else {
            group.create_task(std::move(member));
        }
    }
    actor.pause();
    if (end == End::Cancel) {
        group.cancel();
    }
}

}  // namespace

/// A group that ends by itself, by an error, by its own cancel() or by a deadline; and, whenever the
/// dice of somebody else say so, by a cancellation from outside.
void run_group(Actor& actor) {
    const auto end = static_cast<End>(actor.dice.between(0, 3));
    std::atomic<int> present{0};
    struct Check {
        const std::atomic<int>& present;
        ~Check() {
            if (present != 0) {
                find(
                    "a group was left while " + std::to_string(present) + " of its tasks were there"
                );
            }
        }
    } const check{present};
    const auto run = [&] {
        weft::task_group([&](TaskGroup& group) { fill_group(actor, group, present, end); });
    };
    bool failed = false;
    try {
        if (end == End::Late) {
            weft::move_on_after(microseconds(actor.dice.between(0, 500)), run);
        } else {
            run();
        }
    } catch (const ExceptionGroup&) {
        failed = true;
    }
    if (failed && end != End::Throw) {
        find("a group failed without an error of its tasks");
    }
}

void gather_some(Actor& actor) {
    World& world = actor.world;
    std::vector<Task<int>> parts;
    int sum = 0;
    for (int part = actor.dice.between(1, 4); part > 0; --part) {
        sum += part;
        parts.push_back(world.launch(
            actor.dice,
            actor.in_task,
            [&world, part, dice = actor.dice.fork()] {
                Actor self(world, dice, true);
                self.pause();
                return part;
            }
        ));
    }
    try {
        int total = 0;
        for (const int part : weft::await(weft::gather(parts))) {
            total += part;
        }
        if (total != sum) {
            find("gather() gave other results than the tasks");
        }
    } catch (const CancelledError&) {
        actor.note_cancelled();
    }
    for (const auto& part : parts) {
        actor.see_end(part);
    }
}

/// A task that only a cancellation ends: before it begins, while it pauses, or asleep.
void cancel_sleeper(Actor& actor) {
    World& world = actor.world;
    const auto sleeper =
        world.launch(actor.dice, actor.in_task, [&world, dice = actor.dice.fork()] {
            Actor self(world, dice, true);
            self.pause();
            weft::sleep(hours(1));
        });
    actor.pause_quietly();
    sleeper.cancel();
    actor.see_end(sleeper);
    if (!sleeper.cancelled()) {
        find("a task that slept for an hour ended without being cancelled");
    }
    if (planted(Plant::ErrorUnseen)) {
        Future<void>().set_exception(std::make_exception_ptr(PlannedError()));
    }
}

}  // namespace weft::storm
