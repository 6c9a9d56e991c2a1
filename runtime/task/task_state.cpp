#include "task/task_state.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>
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

std::uint64_t take_id(rt::Carrier* carrier) noexcept {
    if (carrier == nullptr) {
        return next_id_block.fetch_add(1, relaxed);
    }
    if (carrier->next_id == carrier->last_id) {
        carrier->next_id = next_id_block.fetch_add(kIdBlock, relaxed);
        carrier->last_id = carrier->next_id + kIdBlock;
    }
    return carrier->next_id++;
}

}  // namespace

static_assert(sizeof(TaskState) == TaskState::kRecordBytes);

TaskState::TaskState() noexcept
    : FutureState(kFreeRecord, nullptr, nullptr, true), Runnable(Kind::Task) {
    references_.store(0, relaxed);
}

void TaskState::prepare(const TaskSpec& spec, void* body, Sink* loop) noexcept {
    word_.store(0, relaxed);
    error_seen_.store(false, relaxed);
    result_taken_.store(false, relaxed);
    operations_ = &spec.operations;
    body_operations = &spec.operations;
    value_ = body;
    loop_ = loop;
    kind = spec.kind;
    site_file = spec.site.file;
    site_line = spec.site.line;
    context = nullptr;
    stack = nullptr;
    in_place_of = nullptr;
    cancel_requests.store(0, relaxed);
    id = take_id(rt::current_carrier());
}

void TaskState::retire() noexcept {
    if (body_on_heap) {
        std::free(value_);
        body_on_heap = false;
    }
    if (name != nullptr) {
        delete name;
        name = nullptr;
    }
    cancel_message_.store(nullptr, relaxed);
    sleep.renew();
    if (rt::Carrier* const carrier = rt::current_carrier(); carrier != nullptr) {
        carrier->records.give(*this);
    } else {
        Runnable::next = nullptr;
        rt::RecordPool::shared().give(*this);
    }
}

void TaskState::run() noexcept {
    Status status = Status::Value;
    if (sleep.take_cancel_mark()) [[unlikely]] {
        status = Status::Cancelled;  // cancelled before it began: the body never runs
    } else {
        try {
            body_operations->run(value_);
        } catch (const CancelledError& error) {
            status = Status::Cancelled;
            if (!error.message().empty()) {
                delete cancel_message_.exchange(new std::string(error.message()), acq_rel);
            }
        } catch (...) {
            status = Status::Error;
            error_ = std::current_exception();
        }
    }
    body_operations->drop_callable(value_);
    if (status == Status::Value && sleep.cancel_marked()) [[unlikely]] {
        body_operations->drop_result(value_);
        status = Status::Cancelled;  // cancelled in its last step: asyncio's cancel_at_end
    }
    rt::current_carrier()->counters.tasks_finished.add();
    finish(status);
    release();
}

void TaskState::keep_cancel_message(const std::string& message) {
    if (message.empty()) {
        return;
    }
    auto* text = new std::string(message);
    std::string* expected = nullptr;
    // release: the string is complete for whoever throws it; the first message stays
    if (!cancel_message_.compare_exchange_strong(expected, text, rt::release, relaxed)) {
        delete text;
    }
}

/// The first step of a cancellation, at one task.
rt::SleepWord<>::CancelStep TaskState::note_cancel(const std::string& message) {
    cancel_requests.fetch_add(1, relaxed);
    keep_cancel_message(message);
    const auto step = sleep.request_cancel();
    if (step == rt::SleepWord<>::CancelStep::Claimed) {
        loop()->submit(*this);
    } else if (step == rt::SleepWord<>::CancelStep::Forward && !message.empty()) {
        delete cancel_message_.exchange(nullptr, acq_rel);  // it goes to the other instead
    }
    return step;
}

bool TaskState::request_cancel(std::string&& message) {
    // From task to what it waits for, and so on; a chain may be longer than a stack is deep. A task
    // that forwards is held still and in no ready queue, so its link leads back.
    TaskState* waiter = nullptr;
    TaskState* task = this;
    bool accepted = false;
    while (task != nullptr && !task->done()) {
        accepted = true;
        if (task->note_cancel(message) != rt::SleepWord<>::CancelStep::Forward) {
            break;
        }
        task->Runnable::next = waiter;
        waiter = task;
        accepted = false;
        task = nullptr;
        if (waiter->awaiting->is_task()) {
            task = static_cast<TaskState*>(waiter->awaiting);
        } else {
            accepted = waiter->awaiting->cancel(message);
        }
    }
    const bool asked = accepted || waiter != nullptr;
    while (waiter != nullptr) {
        TaskState& forwarded = *waiter;
        waiter = static_cast<TaskState*>(forwarded.Runnable::next);
        if (!accepted) {
            forwarded.keep_cancel_message(message);
        }
        if (forwarded.sleep.end_forward(!accepted)) {
            forwarded.loop()->submit(forwarded);
        }
        accepted = true;  // by this one, for those who wait for it
    }
    return asked;
}

void TaskState::forward_cancel() {
    std::string* const text = cancel_message_.exchange(nullptr, acq_rel);
    std::string message = text != nullptr ? std::move(*text) : std::string();
    delete text;
    sleep.take_cancel_mark();
    if (!awaiting->cancel(std::move(message))) {
        sleep.mark_cancel();
    }
}

std::uint32_t TaskState::uncancel() noexcept {
    std::uint32_t requests = cancel_requests.load(relaxed);
    while (requests != 0 &&
           !cancel_requests.compare_exchange_weak(requests, requests - 1, relaxed, relaxed)) {
    }
    if (requests <= 1) {
        if (sleep.take_cancel_mark()) {
            static_cast<void>(take_cancel_message());  // the next request brings its own
            if (cancel_requests.load(relaxed) != 0) {
                sleep.mark_cancel();  // the mark was of one who came after the count was lowered
            }
        }
        return 0;
    }
    return requests - 1;
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
    }
    throw CancelledError(std::move(text));
}

std::string TaskState::take_cancel_message() {
    std::string* const message = cancel_message_.exchange(nullptr, acq_rel);
    std::string text = message != nullptr ? std::move(*message) : std::string();
    delete message;
    return text;
}

TaskDraft draft_task(TaskSpec&& spec) {
    rt::Carrier* const carrier = rt::current_carrier();
    Sink* const loop = spec.loop != nullptr ? spec.loop
                       : carrier != nullptr ? carrier->sink
                                            : nullptr;
    if (loop == nullptr) {
        throw RuntimeError("no running event loop on this thread; give the task a loop or a runtime"
        );
    }
    if (!loop->can_start()) {
        throw std::bad_alloc();
    }
    TaskState* const task =
        carrier != nullptr ? carrier->records.take() : rt::RecordPool::shared().take(1);
    if (task == nullptr) {
        throw std::bad_alloc();
    }
    void* body = task->inline_body();
    if (spec.body_size > TaskState::kInlineBytes || spec.body_alignment > TaskState::kBodyAlignment)
        [[unlikely]] {
        const std::size_t alignment = std::max(spec.body_alignment, TaskState::kBodyAlignment);
        body =
            std::aligned_alloc(alignment, (spec.body_size + alignment - 1) / alignment * alignment);
        task->body_on_heap = body != nullptr;
    }
    task->prepare(spec, body, loop);
    if (body == nullptr) {
        task->retire();
        throw std::bad_alloc();
    }
    if (!spec.name.empty()) [[unlikely]] {
        task->name = new (std::nothrow) std::string(std::move(spec.name));
    }
    return {task, body};
}

void abandon_draft(FutureState& state) noexcept {
    static_cast<TaskState&>(state).retire();
}

void TaskState::begin() noexcept {
    if (rt::Carrier* const carrier = rt::current_carrier(); carrier != nullptr) {
        carrier->counters.tasks_spawned.add();
    }
    // The maker's handle and the runtime's own. release: one who walks the records sees it whole.
    references_.store(2, rt::release);
    loop()->submit(*this);
}

void start_task(FutureState& state) noexcept {
    static_cast<TaskState&>(state).begin();
}

void destroy_task(FutureState& state) noexcept {
    auto& task = static_cast<TaskState&>(state);
    if (task.status() == Status::Value) {
        task.body_operations->drop_result(task.value());
    }
    task.retire();
}

}  // namespace weft::detail
