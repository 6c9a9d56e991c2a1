#include "task/task_state.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>
#include <weft/detail/wait_queue.hpp>

#include "base/check.hpp"
#include "task/carrier.hpp"
#include "task/record_pool.hpp"

namespace weft::detail {
namespace {

using rt::acq_rel;
using rt::acquire;
using rt::relaxed;

constexpr FutureOperations kFreeRecord{nullptr};

/// The next task's number. One RMW per block keeps the line from being shared by every spawn.
constexpr std::uint64_t kIdBlock = 1024;
rt::Atomic<std::uint64_t> next_id_block{1};  // relaxed: numbers need only differ

// A task may take another name while a dump reads it: so seldom that all share a lock.
std::mutex names_mutex;

[[gnu::noinline]] std::uint64_t take_id_block(rt::Carrier* carrier) noexcept {
    if (carrier == nullptr) {
        return next_id_block.fetch_add(1, relaxed);
    }
    carrier->next_id = next_id_block.fetch_add(kIdBlock, relaxed);
    carrier->last_id = carrier->next_id + kIdBlock;
    return carrier->next_id++;
}

[[gnu::always_inline]] inline std::uint64_t take_id(rt::Carrier* carrier) noexcept {
    return carrier != nullptr && carrier->next_id != carrier->last_id ? carrier->next_id++
                                                                      : take_id_block(carrier);
}

}  // namespace

static_assert(sizeof(TaskState) == TaskState::kRecordBytes);

TaskState::TaskState() noexcept
    : FutureState(kFreeRecord, body_, nullptr, true), Runnable(Kind::Task) {
    word_.retire();
}

[[gnu::always_inline]] inline void TaskState::prepare(
    const TaskOperations& operations,
    TaskKind its_kind,
    Sink* loop,
    const Site& site,
    std::uint64_t its_id
) noexcept {
    error_seen_.store(false, relaxed);
    result_taken_.store(false, relaxed);
    operations_ = &operations;
    value_ = body_;
    loop_ = loop;
    kind = its_kind;
    site_file = site.file;
    site_line = site.line;
    context = nullptr;
    stack = nullptr;
    in_place_of = nullptr;
    cancel_requests.store(0, relaxed);
    id = its_id;
}

/// What hardly any task has.
[[gnu::noinline]] void TaskState::drop_extras() noexcept {
    if (body_is_elsewhere()) {
        std::free(value_);
        value_ = body_;
    }
    if (name != nullptr) {
        delete std::exchange(name, nullptr);
    }
    if (variables != nullptr) {
        static_cast<ContextState*>(std::exchange(variables, nullptr))->release();
    }
}

[[gnu::always_inline]] inline void TaskState::go_back() noexcept {
    if (body_is_elsewhere() || name != nullptr || variables != nullptr) [[unlikely]] {
        drop_extras();
    }
    sleep.renew();
    if (rt::Carrier* const carrier = rt::current_carrier(); carrier != nullptr) {
        carrier->records.give(*this);
    } else {
        rt::RecordPool::shared().give(*this);
    }
}

void TaskState::retire() noexcept {
    go_back();
}

void TaskState::run() noexcept {
    Status status = Status::Value;
    if (sleep.take_cancel_mark()) [[unlikely]] {
        status = Status::Cancelled;  // cancelled before it began: the body never runs
    } else {
        try {
            body_operations().run(value_);
        } catch (const CancelledError& error) {
            status = Status::Cancelled;
            if (!error.message().empty()) {
                set_cancel_message(error.message());
            }
        } catch (...) {
            status = Status::Error;
            error_ = std::current_exception();
        }
    }
    if (const auto drop = body_operations().drop_callable; drop != nullptr) {
        drop(value_);
    }
    rt::current_carrier()->counters.tasks_finished.add();
    end_body(status);
}

/// finish(), and asyncio's cancel_at_end: a task that is cancelled in its last step, when nothing
/// of it suspends any more, is cancelled. Also where the canceller is another thread: who was told
/// that the task is asked to end is never shown its value.
///
///   the task, here (finish_task)            its canceller (note_cancel, note_for_end)
///   1  word: takes bit 2 out, if it is in   1  marks the sleep word
///   2  looks for the mark                   2  word: puts bit 2 in, unless the task is done
///   3  CAS of the word: done, if it is as 1 left it, else again from 1
///
/// A canceller's 2 that comes after 3 finds the task done, and says so. One that comes before 3 comes
/// before the last 1, as 3 would have failed; so the task's last 2 sees the mark (1 reads the bit or
/// takes it out: an acquire of the canceller's release), unless somebody has taken that meanwhile,
/// whom it was thrown to. The bit is taken out, or a second canceller would leave the word as it was.
///
/// The runtime's reference goes in the same step, or after those who wait have been told.
[[gnu::always_inline]] inline void TaskState::end_body(Status status) noexcept {
    const auto finished = word_.finish_task([this, &status] {
        if (status == Status::Value && sleep.cancel_marked()) [[unlikely]] {
            drop_result();
            status = Status::Cancelled;
        }
        return status;
    });
    if (finished.kept) {
        tell(finished.waiting);
        release();
    } else if (finished.last) {
        end();
    }
}

/// For one who has marked it as cancelled: false when that came too late.
bool TaskState::note_for_end() noexcept {
    if (word_.note_cancel()) {
        return true;
    }
    mark_error_seen();  // as where it was found done at once
    return status() == Status::Cancelled;
}

/// The message that the CancelledError will have, which the task has not thrown yet: the last one
/// counts, as in asyncio.
void TaskState::set_cancel_message(const std::string& message) noexcept {
    replace_message(copy_of_message(message));
}

/// The first step of a cancellation, at one task.
rt::SleepWord<>::CancelStep TaskState::note_cancel(const std::string& message) noexcept {
    cancel_requests.fetch_add(1, relaxed);
    // First, so that the task finds it. Not where the error, be its message empty, is on its way to
    // a task that was woken with it and has not gone on yet.
    if (!sleep.ended_by_cancel()) {
        set_cancel_message(message);
    }
    const auto step = sleep.request_cancel();
    if (step == rt::SleepWord<>::CancelStep::Claimed) {
        loop()->submit(*this);
    } else if (step == rt::SleepWord<>::CancelStep::Forward) {
        static_cast<void>(take_cancel_message());  // it goes to the other instead
    }
    return step;
}

/// Cancels the future that this task, which is held still for it, waits for. `released`: the task
/// was told by the future and let go; it may be anything by now.
bool TaskState::cancel_awaited(const std::string& message, bool& released) noexcept {
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr) {
        return awaiting->cancel(message);
    }
    TaskState* const outer = std::exchange(carrier->forwarding, this);
    const bool accepted = awaiting->cancel(message);
    released = carrier->forwarding != this;
    carrier->forwarding = outer;
    return accepted;
}

namespace {

/// Whether `task` is one of those that are held still, linked from the last to the first.
bool waits_in_chain(const TaskState* last, const TaskState& task) noexcept {
    while (last != nullptr && last != &task) {
        last = static_cast<const TaskState*>(last->Runnable::next);
    }
    return last != nullptr;
}

/// Tasks that wait for each other in a circle, and are held still: one is woken, or nobody could ever
/// end them. Not one in whose place the next one runs: that has the stack.
void break_circle(TaskState* last, const std::string& message) noexcept {
    const auto is_below = [](const TaskState& waiter) {
        return static_cast<const TaskState*>(waiter.awaiting)->in_place_of == &waiter;
    };
    while (is_below(*last)) {
        last = static_cast<TaskState*>(last->Runnable::next);
    }
    last->awaiting->forget_waiter(*last);  // its frame goes
    last->set_cancel_message(message);
    static_cast<void>(last->sleep.claim(last->sleep.epoch(), rt::WakeReason::Cancelled));
}

}  // namespace

bool TaskState::request_cancel(const std::string& message) noexcept {
    if (done()) {
        mark_error_seen();
        return false;
    }
    return pursue_cancel(message, note_cancel(message));
}

void TaskState::end_look() noexcept {
    using CancelStep = rt::SleepWord<>::CancelStep;
    const CancelStep step = sleep.end_look();
    if (step == CancelStep::Claimed) {
        loop()->submit(*this);
    } else if (step == CancelStep::Forward) {
        static_cast<void>(pursue_cancel(take_cancel_message(), step));
    }
}

/// What follows the first `step` of a cancellation.
bool TaskState::pursue_cancel(
    const std::string& message, rt::SleepWord<>::CancelStep step
) noexcept {
    // From task to what it waits for, and so on; a chain may be longer than a stack is deep. A task
    // that forwards is held still and in no ready queue, so its link leads back.
    TaskState* waiter = nullptr;
    TaskState* task = this;
    bool accepted = false;
    bool asked = false;
    for (;;) {
        if (step != rt::SleepWord<>::CancelStep::Forward) {
            accepted = step == rt::SleepWord<>::CancelStep::Claimed || task->note_for_end();
            if (waits_in_chain(waiter, *task)) {
                break_circle(waiter, message);
            }
            break;
        }
        asked = true;
        task->Runnable::next = waiter;
        if (task->awaiting->is_task()) {
            waiter = task;
            accepted = false;
            task = static_cast<TaskState*>(task->awaiting);
            if (task->done()) {
                break;
            }
            step = task->note_cancel(message);
            continue;
        }
        bool released = false;
        accepted = task->cancel_awaited(message, released);
        waiter = released ? waiter : task;
        break;
    }
    asked = asked || accepted;
    while (waiter != nullptr) {
        TaskState& forwarded = *waiter;
        waiter = static_cast<TaskState*>(forwarded.Runnable::next);
        if (!accepted) {
            forwarded.set_cancel_message(message);
        }
        if (forwarded.sleep.end_forward(!accepted)) {
            forwarded.loop()->submit(forwarded);
        }
        accepted = true;  // by this one, for those who wait for it
    }
    return asked;
}

void TaskState::forward_cancel() noexcept {
    const std::unique_ptr<std::string> taken(cancel_message_.exchange(nullptr, acq_rel));
    const std::string message = taken != nullptr ? std::move(*taken) : std::string();
    sleep.take_cancel_mark();
    if (!awaiting->cancel(message)) {
        set_cancel_message(message);
        static_cast<void>(sleep.request_cancel());  // it is awake: marks it again
    }
}

/// Whose mark was taken away asks once more. As anybody who cancels: the task may sleep by now.
void TaskState::ask_again(const std::string& message) noexcept {
    set_cancel_message(message);
    const auto step = sleep.request_cancel();
    if (step == rt::SleepWord<>::CancelStep::Claimed) {
        loop()->submit(*this);
    }
    static_cast<void>(pursue_cancel(message, step));
}

std::uint32_t TaskState::uncancel() noexcept {
    std::uint32_t requests = cancel_requests.load(relaxed);
    while (requests != 0 &&
           !cancel_requests.compare_exchange_weak(requests, requests - 1, relaxed, relaxed)) {
    }
    if (requests <= 1) {
        if (sleep.take_cancel_mark()) {
            const std::string message = take_cancel_message();  // the next request brings its own
            if (cancel_requests.load(relaxed) != 0) {
                ask_again(message);  // the mark was of one who came after the count was lowered
            }
        }
        return 0;
    }
    return requests - 1;
}

void TaskState::withdraw_cancel(std::uint32_t last) noexcept {
    if (cancel_requests.load(relaxed) == last && sleep.take_cancel_mark()) {
        const std::string message = take_cancel_message();
        if (cancel_requests.load(relaxed) != last) {
            ask_again(message);  // the mark was of one who came meanwhile
        }
    }
}

std::string TaskState::display_name() const {
    const std::lock_guard lock(names_mutex);
    return name != nullptr ? *name : "Task-" + std::to_string(id);
}

void TaskState::write_name(char* out, std::size_t size) const noexcept {
    if (size == 0) {
        return;
    }
    if (name != nullptr) {
        const std::size_t length = std::min(name->size(), size - 1);
        std::memcpy(out, name->data(), length);
        out[length] = '\0';
        return;
    }
    constexpr std::string_view kPrefix = "Task-";
    char digits[20];
    std::size_t count = 0;
    for (std::uint64_t rest = id; count == 0 || rest != 0; rest /= 10) {
        digits[count++] = static_cast<char>('0' + rest % 10);
    }
    std::size_t at = 0;
    for (; at < kPrefix.size() && at + 1 < size; ++at) {
        out[at] = kPrefix[at];
    }
    while (count != 0 && at + 1 < size) {
        out[at++] = digits[--count];
    }
    out[at] = '\0';
}

void TaskState::rename(std::string&& given) {
    auto* renamed = new std::string(std::move(given));
    {
        const std::lock_guard lock(names_mutex);
        std::swap(name, renamed);
    }
    delete renamed;
}

void throw_cancelled() {
    rt::Carrier* const carrier = rt::current_carrier();
    std::string text;
    if (carrier != nullptr && carrier->current != nullptr) {
        text = carrier->current->take_cancel_message();
        carrier->current->sleep.forget_reason();
    }
    throw CancelledError(std::move(text));
}

std::string TaskState::take_cancel_message() {
    cancels_delivered.fetch_add(1, relaxed);
    std::string* const message = cancel_message_.exchange(nullptr, acq_rel);
    std::string text = message != nullptr ? std::move(*message) : std::string();
    delete message;
    return text;
}

namespace {

/// Whether anything was set in the context of who makes a task: a plain thread has to look.
bool may_inherit_context(const rt::Carrier* carrier) noexcept {
    if (carrier == nullptr) {
        return true;
    }
    const TaskState* const maker = carrier->current;
    return (maker != nullptr ? maker->variables : carrier->callback_variables) != nullptr;
}

[[gnu::noinline]] void give_context(TaskState& task, Ref<ContextState> given) {
    try {
        task.variables = (given ? std::move(given) : inherited_context()).detach();
    } catch (...) {
        task.retire();
        throw;
    }
}

}  // namespace

namespace {

[[noreturn, gnu::cold]] void throw_no_loop() {
    throw RuntimeError("no running event loop on this thread; give the task a loop or a runtime");
}

/// Where the callable is, when it is too large for the record.
[[gnu::noinline]] void* body_elsewhere(TaskState& task, const TaskOperations& operations) {
    const std::size_t alignment = std::max(operations.body_alignment, TaskState::kBodyAlignment);
    void* const body = std::aligned_alloc(
        alignment, (operations.body_size + alignment - 1) / alignment * alignment
    );
    if (body == nullptr) {
        task.retire();
        throw std::bad_alloc();
    }
    task.put_body(body);
    return body;
}

[[gnu::always_inline]] inline TaskDraft take_record(
    rt::Carrier* carrier,
    const TaskOperations& operations,
    TaskKind kind,
    Sink* loop,
    const Site& site
) {
    if (carrier == nullptr ? loop == nullptr : loop == nullptr || loop == carrier->sink) {
        if (carrier == nullptr) {
            throw_no_loop();
        }
        loop = carrier->sink;
        if (!carrier->stacks.has_spare()) [[unlikely]] {
            throw std::bad_alloc();
        }
    } else if (!loop->can_start()) {
        throw std::bad_alloc();
    }
    TaskState* const task =
        carrier != nullptr ? carrier->records.take() : rt::RecordPool::shared().take();
    if (task == nullptr) [[unlikely]] {
        throw std::bad_alloc();
    }
    task->prepare(operations, kind, loop, site, take_id(carrier));
    void* body = task->inline_body();
    if (operations.body_size > TaskState::kInlineBytes ||
        operations.body_alignment > TaskState::kBodyAlignment) [[unlikely]] {
        body = body_elsewhere(*task, operations);
    }
    return {task, body};
}

}  // namespace

TaskDraft draft_task(
    const TaskOperations& operations, TaskKind kind, Sink* loop, const Site& site
) {
    rt::Carrier* const carrier = rt::current_carrier();
    const TaskDraft draft = take_record(carrier, operations, kind, loop, site);
    if (may_inherit_context(carrier)) [[unlikely]] {
        give_context(static_cast<TaskState&>(*draft.state), {});
    }
    return draft;
}

TaskDraft draft_chosen_task(
    const TaskOperations& operations,
    TaskKind kind,
    Sink* loop,
    const Site& site,
    TaskChoices& choices
) {
    rt::Carrier* const carrier = rt::current_carrier();
    const TaskDraft draft = take_record(carrier, operations, kind, loop, site);
    auto& task = static_cast<TaskState&>(*draft.state);
    if (choices.context || may_inherit_context(carrier)) {
        give_context(task, std::move(choices.context));
    }
    if (!choices.name.empty()) {
        task.name = new (std::nothrow) std::string(std::move(choices.name));
    }
    return draft;
}

void abandon_draft(FutureState& state) noexcept {
    static_cast<TaskState&>(state).retire();
}

[[gnu::always_inline]] inline void TaskState::begin(rt::Carrier* carrier) noexcept {
    if (carrier != nullptr) {
        carrier->counters.tasks_spawned.add();
    }
    // The maker's handle and the runtime's own.
    word_.begin(2);
}

void start_task(FutureState& state) noexcept {
    auto& task = static_cast<TaskState&>(state);
    rt::Carrier* const carrier = rt::current_carrier();
    task.begin(carrier);
    if (carrier != nullptr && carrier->sink == task.loop()) [[likely]] {
        carrier->sink->submit_here(task);
    } else {
        task.loop()->submit(task);
    }
}

void start_task_now(FutureState& state) noexcept {
    auto& task = static_cast<TaskState&>(state);
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr || carrier->current == nullptr || carrier->sink != task.loop() ||
        !carrier->stacks.has_spare()) {
        start_task(state);
        return;
    }
    task.begin(carrier);
    carrier->sink->run_next(task);
    rt::suspend_to_run_loop(*carrier);
}

// Here, as what most often ends is a task.
void FutureState::end() noexcept {
    // relaxed: the last owner, so nobody else looks
    if (!done() || error_ != nullptr || cancel_message_.load(relaxed) != nullptr) [[unlikely]] {
        end_without_value();
    }
    if (!is_task_) {
        operations_->destroy(*this);
        return;
    }
    auto& task = static_cast<TaskState&>(*this);
    if (task.status() == Status::Value) {
        task.drop_result();
    }
    task.go_back();
}

}  // namespace weft::detail
