#pragma once

#include <array>
#include <functional>
#include <vector>

#include "base/atomic.hpp"
#include "model/checker.hpp"
#include "model/model_queue.hpp"
#include "model/model_sides.hpp"
#include "sched/idle.hpp"
#include "sched/inbox.hpp"
#include "sched/mailbox.hpp"
#include "sched/next_slot.hpp"
#include "sched/owner_lock.hpp"
#include "sched/public_ring.hpp"

/// The sleep protocol as runtime/sched/{worker,worker_idle,worker_queues,scheduler}.cpp follow it,
/// over the real queues, the real Idle and the real mailbox. The functions have the names of those
/// they stand for; what has nothing to do with sleeping is left out.
namespace weft::model {

/// What the model does wrong on purpose.
enum class Bug {
    None,
    SeenWithoutBarrier,  ///< the first to make stealable work passes no barrier
    NoHeavyBarrier,      ///< looks for the last time without one
    BarrierOfNobody,     ///< the last one to search leaves the heavy barrier to others
    NoLastLook,          ///< sleeps after announcing itself, without looking once more
    LookBeforeAnnounce,  ///< looks, then announces itself
    RetractUnchecked,    ///< does not see that it was chosen
    FindInSilence,       ///< the last searcher finds something and tells nobody
    ChooseInSilence,     ///< a choice that failed lowers the count and does not start anew
    RunWhileSearching,   ///< woken to search, it runs what is its own and still counts as searching
    InboxInSilence,      ///< puts what it took from the inbox into its ring and tells nobody
    BusyInSilence,       ///< the same with one task, while it has something else to run
    SeeInSilence,        ///< sees work in its last look, then does its own and tells nobody
    NapInSilence,        ///< naps in place of a search, then does its own work and tells nobody
    StopOnlyTells,       ///< does not look at the stop flag before it sleeps
    StopWithoutWord,     ///< sets the stop flag and wakes only who sleeps already
};

class ModelWorker;
struct ModelTask;

struct Mail {
    Plain<Mail*> next{nullptr};
    ModelTask* task = nullptr;
};

struct ModelTask {
    Plain<int> payload{0};  // written by who submits it, read by who runs it
    QueueEdge handed_over;
    int runs = 0;
    std::function<void(ModelWorker&)> body;
    Mail mail;
};

using ModelIdle = rt::Idle<Atomic, 1>;
using ModelInbox = rt::Inbox<ModelTask, Atomic, ModelQueue<ModelTask>>;

class ModelScheduler {
public:
    ModelScheduler(Bug planted, rt::Sharing how) : bug(planted), sharing(how) {}

    void notify(ModelWorker* from);
    /// A thread outside brings a task.
    void submit_from_outside(ModelTask& task);
    void ran(ModelTask& task);
    void saw_stealable();

    // Most scenarios begin with a runtime that has had some.
    Atomic<bool> stealable_seen{true};

    const Bug bug;
    const rt::Sharing sharing;
    ModelIdle idle;
    ModelInbox inbox;
    std::vector<ModelWorker*> workers;
    Signal all_ran{true};  // raised when `expected` tasks have run
    int expected = 0;

private:
    ModelIdle::Choice wake_one(ModelWorker* from);
    int ran_ = 0;
};

class ModelWorker {
public:
    using Ring = rt::PublicRing<ModelTask, Atomic, 4>;
    using Slot = rt::NextSlot<ModelTask, Atomic>;

    ModelWorker(ModelScheduler& scheduler, int index)
        : kept(scheduler.sharing),
          token_(scheduler.inbox.make_token()),
          scheduler_(scheduler),
          index_(index) {
        scheduler.workers.push_back(this);
    }

    // ---- its own thread
    void drive();
    void push_to_ring(ModelTask& task);
    void push_to_slot(ModelTask& task);
    /// Before the threads start: as if a submitter had chosen this worker.
    void begin_as_chosen();

    // ---- any thread
    void push_pinned(ModelTask& task);
    void have_event(ModelTask& task);  ///< of its reactor, for a pinned task
    void unpark();
    void stop();

    rt::Mailbox<Mail, Atomic> mailbox;
    Ring ring;
    rt::OwnerLock<Atomic, ModelSides> kept;
    Slot slot;

private:
    enum class Sight { Nothing, Kept, Work };

    void turn();
    void run(ModelTask& task);
    void drain_mailbox();
    [[nodiscard]] bool has_ready() const;
    [[nodiscard]] ModelTask* take_stealable();
    [[nodiscard]] ModelTask* take_inbox();
    void idle();
    [[nodiscard]] ModelTask* search();
    [[nodiscard]] ModelTask* find();
    void end_search();
    void hand_search_on();
    [[nodiscard]] Sight last_look(bool alone);
    void park();
    void nap();
    void look_again();
    void dispatch();
    [[nodiscard]] std::uint32_t traffic();
    void sleep_in_reactor(bool for_long);
    [[nodiscard]] bool wrong(Bug bug) const noexcept { return scheduler_.bug == bug; }

    ModelInbox::Token token_;
    ModelScheduler& scheduler_;
    const int index_;
    Signal reactor_;
    ModelTask* event_ = nullptr;
    std::array<ModelTask*, 4> pinned_{};
    std::size_t pinned_size_ = 0;
    ModelTask* next_up_ = nullptr;
    bool searching_ = false;
    bool owes_look_ = false;
    bool chosen_ = false;
    bool nap_ = false;
    std::uint32_t traffic_ = 0;
    int looks_in_vain_ = 0;
    Atomic<bool> stopping_{false};
    bool stopped_ = false;
};

}  // namespace weft::model
