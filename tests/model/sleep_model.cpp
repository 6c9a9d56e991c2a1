#include "model/sleep_model.hpp"

#include <array>
#include <utility>

namespace weft::model {

using rt::acquire;
using rt::relaxed;
using rt::release;

// ---- scheduler.cpp

void ModelScheduler::saw_stealable() {
    if (stealable_seen.load(relaxed)) {
        return;
    }
    stealable_seen.store(true, relaxed);
    if (sharing == rt::Sharing::Barriers && bug != Bug::SeenWithoutBarrier) {
        heavy_barrier();
    }
}

void ModelScheduler::notify(ModelWorker* from) {
    while (idle.anybody() && !idle.somebody_searches()) {
        if (wake_one(from) != ModelIdle::Choice::Again || bug == Bug::ChooseInSilence) {
            return;
        }
    }
}

ModelIdle::Choice ModelScheduler::wake_one(ModelWorker* from) {
    using Choice = ModelIdle::Choice;
    for (std::size_t index = 0; index < workers.size(); ++index) {
        if (workers[index] == from) {
            continue;
        }
        const Choice choice = idle.choose(static_cast<int>(index));
        if (choice == Choice::Chosen) {
            workers[index]->unpark();
        }
        if (choice == Choice::Chosen || (choice == Choice::Again && bug != Bug::ChooseInSilence)) {
            return choice;
        }
    }
    return Choice::Awake;
}

void ModelScheduler::submit_from_outside(ModelTask& task) {
    task.payload = 1;
    saw_stealable();
    static_cast<void>(inbox.put(task));
    notify(nullptr);
}

void ModelScheduler::ran(ModelTask& task) {
    require(task.payload == 1, "the task was complete before it ran");
    require(++task.runs == 1, "a task runs once");
    if (++ran_ == expected) {
        all_ran.raise();
    }
}

// ---- worker.cpp

void ModelWorker::drive() {
    while (!stopped_) {
        turn();
        stopped_ = stopping_.load(acquire);
    }
    hand_search_on();
}

void ModelWorker::turn() {
    drain_mailbox();
    if (!scheduler_.inbox.looks_empty()) {
        if (ModelTask* const task = take_inbox(); task != nullptr) {
            const bool busy = has_ready();
            require(ring.push(*task, scheduler_.sharing), "the ring has room");
            if (busy && !wrong(Bug::BusyInSilence)) {
                scheduler_.notify(this);
            }
        }
    }
    if (!has_ready()) {
        idle();
    }
    if ((searching_ || owes_look_) && has_ready() && !wrong(Bug::RunWhileSearching)) {
        hand_search_on();
    }
    if (next_up_ != nullptr) {
        run(*std::exchange(next_up_, nullptr));
    }
    while (pinned_size_ > 0) {
        run(*pinned_[--pinned_size_]);
    }
    while (ModelTask* const task = take_stealable()) {
        run(*task);
    }
}

void ModelWorker::run(ModelTask& task) {
    looks_in_vain_ = 0;
    scheduler_.ran(task);
    if (task.body) {
        task.body(*this);
    }
}

void ModelWorker::stop() {
    stopping_.store(true, release);
    if (wrong(Bug::StopWithoutWord) && mailbox.looks_empty()) {
        return;
    }
    unpark();
}

void ModelWorker::unpark() {
    if (mailbox.notify()) {
        reactor_.raise();
    }
}

// ---- worker_queues.cpp

void ModelWorker::push_to_ring(ModelTask& task) {
    task.payload = 1;
    scheduler_.saw_stealable();
    require(ring.push(task, scheduler_.sharing), "the ring has room");
    scheduler_.notify(this);
}

void ModelWorker::push_to_slot(ModelTask& task) {
    task.payload = 1;
    scheduler_.saw_stealable();
    kept.lock();
    if (ModelTask* const displaced = slot.put(task); displaced != nullptr) {
        require(ring.push(*displaced, scheduler_.sharing), "the ring has room");
    }
    kept.unlock();
    scheduler_.notify(this);
}

void ModelWorker::push_pinned(ModelTask& task) {
    task.payload = 1;
    task.mail.task = &task;
    if (mailbox.push(task.mail)) {
        reactor_.raise();
    }
}

void ModelWorker::have_event(ModelTask& task) {
    task.payload = 1;
    task.handed_over.go_in();
    event_ = &task;
    reactor_.raise();
}

/// What the visit to the reactor brought is ready before anybody asks whether the worker searches.
void ModelWorker::dispatch() {
    if (ModelTask* const task = std::exchange(event_, nullptr); task != nullptr) {
        task->handed_over.come_out();
        pinned_[pinned_size_++] = task;
    }
}

void ModelWorker::begin_as_chosen() {
    require(scheduler_.idle.begin_search(100), "somebody searches");
    searching_ = true;
    chosen_ = true;
}

void ModelWorker::drain_mailbox() {
    for (Mail* mail = mailbox.drain(); mail != nullptr; mail = mail->next) {
        pinned_[pinned_size_++] = mail->task;
    }
}

bool ModelWorker::has_ready() const {
    return pinned_size_ > 0 || next_up_ != nullptr || !ring.looks_empty() || !slot.looks_empty();
}

ModelTask* ModelWorker::take_stealable() {
    if (!slot.looks_empty()) {
        kept.lock();
        ModelTask* const task = slot.take();
        kept.unlock();
        if (task != nullptr) {
            return task;
        }
    }
    return ring.pop(scheduler_.sharing);
}

ModelTask* ModelWorker::take_inbox() {
    if (scheduler_.inbox.looks_empty()) {
        return nullptr;
    }
    std::array<ModelTask*, 4> taken{};
    const std::size_t share = scheduler_.inbox.size() / scheduler_.workers.size() + 1;
    const std::size_t count = scheduler_.inbox.take(token_, taken.data(), share);
    for (std::size_t i = 1; i < count; ++i) {
        require(ring.push(*taken[i], scheduler_.sharing), "the ring has room");
    }
    if (count > 1 && !wrong(Bug::InboxInSilence)) {
        scheduler_.notify(this);
    }
    return taken[0];
}

// ---- worker_idle.cpp

void ModelWorker::idle() {
    if (!scheduler_.stealable_seen.load(relaxed)) {
        park();
        return;
    }
    const bool was_chosen = std::exchange(chosen_, false);
    if (ModelTask* const task = search(); task != nullptr) {
        nap_ = false;
        next_up_ = task;
        return;
    }
    if (was_chosen) {
        nap_ = true;
    }
    park();
}

ModelTask* ModelWorker::search() {
    if (!searching_) {
        if (!scheduler_.idle.begin_search(static_cast<int>(scheduler_.workers.size()))) {
            return take_inbox();
        }
        searching_ = true;
    }
    owes_look_ = false;
    ModelTask* const task = find();
    if (task != nullptr) {
        end_search();
    }
    return task;
}

void ModelWorker::end_search() {
    searching_ = false;
    if (scheduler_.idle.end_search() && !wrong(Bug::FindInSilence)) {
        scheduler_.notify(this);
    }
}

void ModelWorker::hand_search_on() {
    if (searching_) {
        end_search();
    } else if (owes_look_ && !wrong(Bug::NapInSilence)) {
        scheduler_.notify(this);
    }
    owes_look_ = false;
}

ModelTask* ModelWorker::find() {
    if (ModelTask* const task = take_inbox(); task != nullptr) {
        return task;
    }
    for (ModelWorker* const victim : scheduler_.workers) {
        std::uint32_t taken = 0;
        if (victim == this) {
            continue;
        }
        if (ModelTask* const task = victim->ring.steal_half(ring, taken, scheduler_.sharing);
            task != nullptr) {
            return task;
        }
    }
    for (ModelWorker* const victim : scheduler_.workers) {
        if (victim == this || victim->slot.looks_empty() ||
            !victim->kept.claim(static_cast<std::uint32_t>(index_) + 2)) {
            continue;
        }
        ModelTask* const task = victim->slot.take();
        victim->kept.release_claim();
        if (task != nullptr) {
            return task;
        }
    }
    return nullptr;
}

ModelWorker::Sight ModelWorker::last_look(bool alone) {
    if (wrong(Bug::NoLastLook)) {
        return Sight::Nothing;
    }
    if (alone != wrong(Bug::BarrierOfNobody) && scheduler_.sharing == rt::Sharing::Barriers &&
        !wrong(Bug::NoHeavyBarrier) && scheduler_.stealable_seen.load(relaxed)) {
        heavy_barrier();
    }
    if (scheduler_.inbox.look_closely()) {
        return Sight::Work;
    }
    Sight sight = Sight::Nothing;
    for (ModelWorker* const victim : scheduler_.workers) {
        if (victim == this) {
            continue;
        }
        victim->kept.look_closely();
        if (!victim->slot.looks_empty()) {
            sight = Sight::Kept;
        }
        if (victim->ring.look_closely(scheduler_.sharing)) {
            return Sight::Work;
        }
    }
    return sight;
}

void ModelWorker::park() {
    if (nap_) {
        nap();
        return;
    }
    ModelIdle& idle = scheduler_.idle;
    Sight sight = Sight::Nothing;
    if (wrong(Bug::LookBeforeAnnounce)) {
        sight = last_look(true);
        idle.announce(index_, std::exchange(searching_, false));
    } else {
        const bool alone = idle.announce(index_, std::exchange(searching_, false));
        sight = last_look(alone);
    }
    if (sight == Sight::Nothing) {
        sleep_in_reactor(true);
    }
    if (!idle.retract(index_)) {
        searching_ = !wrong(Bug::RetractUnchecked);
        chosen_ = searching_;
    } else if (sight == Sight::Work && !wrong(Bug::SeeInSilence)) {
        idle.begin_search_anyway();
        searching_ = true;
    }
    if (sight == Sight::Kept) {
        nap_ = true;
        owes_look_ = true;
    }
    if (sight != Sight::Nothing) {
        look_again();
    }
}

/// There is work, as far as this worker can see. When that happens twice, somebody is about to finish
/// what it began.
void ModelWorker::look_again() {
    if (++looks_in_vain_ > 1) {
        pass();
    }
}

void ModelWorker::nap() {
    owes_look_ = true;
    if (std::exchange(searching_, false)) {
        static_cast<void>(scheduler_.idle.end_search());
    }
    const std::uint32_t before = std::exchange(traffic_, traffic());
    if (before == traffic_) {
        nap_ = false;
        return;
    }
    sleep_in_reactor(false);
}

std::uint32_t ModelWorker::traffic() {
    auto sum = static_cast<std::uint32_t>(scheduler_.inbox.size());
    for (ModelWorker* const victim : scheduler_.workers) {
        sum += victim == this ? 0 : victim->ring.pushed() + victim->kept.count();
    }
    return sum;
}

/// A nap may end at any time, so that it is no more than a pause.
void ModelWorker::sleep_in_reactor(bool for_long) {
    if (!wrong(Bug::StopOnlyTells) && stopping_.load(relaxed)) {
        return;
    }
    if (!mailbox.try_park()) {
        return;
    }
    if (for_long) {
        reactor_.await();
    } else {
        pass();
    }
    dispatch();
    static_cast<void>(mailbox.unpark());
}

}  // namespace weft::model
