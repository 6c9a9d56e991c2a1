#include <execinfo.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>
#include <weft/detail/loop_api.hpp>

#include "base/symbol.hpp"
#include "fiber/switch.hpp"
#include "task/carrier.hpp"

// What a task is in the middle of. A suspended one is looked at from its own stack, which is entered
// for that and left again: the unwinder knows no other way to begin somewhere else.

namespace weft::detail {
namespace {

constexpr int kMostFrames = 64;
// What the unwinder may need of the task's stack.
constexpr std::ptrdiff_t kUnwindBytes = 32 * 1024;
// At least as many as a switch saves, on any machine.
constexpr std::size_t kSavedBytes = 256;

struct Frames {
    std::array<void*, kMostFrames> addresses;
    int count = 0;
};

/// A visit to the stack of a task that is held still.
struct Visit {
    TaskState& task;
    rt::Stack& from;
    rt::Context home = nullptr;
    Frames frames;

    [[gnu::noinline]] static void look(void* argument) noexcept {
        auto& self = *static_cast<Visit*>(argument);
        self.frames.count = ::backtrace(self.frames.addresses.data(), kMostFrames);
        rt::Context never_resumed = nullptr;
        rt::switch_stack(
            &never_resumed, *self.task.stack, self.home, self.from, &rt::nothing_to_commit, nullptr
        );
    }
};

/// The visit's frames lie over the registers that the task has saved, which are put back after it.
[[gnu::noinline]] void visit(Visit& there) noexcept {
    std::array<std::byte, kSavedBytes> saved;
    auto* const place = static_cast<std::byte*>(there.task.context);
    const auto size =
        std::min(kSavedBytes, static_cast<std::size_t>(there.task.stack->top - place));
    std::memcpy(saved.data(), place, size);
    rt::switch_stack(
        &there.home, there.from, there.task.context, *there.task.stack, &Visit::look, &there
    );
    std::memcpy(place, saved.data(), size);
}

/// On which stack this thread stands.
rt::Stack stack_of_thread() noexcept {
    rt::Stack own{};
#if WEFT_TSAN
    own.tsan_fiber = __tsan_get_current_fiber();
#endif
    return own;
}

Frames frames_of(TaskState& task) {
    rt::Carrier* const carrier = rt::current_carrier();
    Frames frames;
    // Once on this stack first: it may load a library.
    frames.count = ::backtrace(frames.addresses.data(), kMostFrames);
    if (carrier != nullptr && carrier->current == &task) {
        return frames;
    }
    frames.count = 0;
    if (!task.sleep.try_hold()) {
        return frames;
    }
    auto* const child = task.awaiting != nullptr && task.awaiting->is_task()
                            ? static_cast<TaskState*>(task.awaiting)
                            : nullptr;
    if (child != nullptr && child->in_place_of == &task) {
        frames = frames_of(*child);  // on the same stack, further up
    } else if (static_cast<std::byte*>(task.context) - task.stack->low > kUnwindBytes) {
        rt::Stack own = stack_of_thread();
        Visit there{task, carrier != nullptr ? *carrier->stack : own, nullptr, {}};
        visit(there);
        frames = there.frames;
    }
    task.end_look();
    return frames;
}

}  // namespace

std::vector<std::string> task_stack(FutureState& state) {
    const Frames frames = frames_of(static_cast<TaskState&>(state));
    std::vector<std::string> names;
    for (int i = 0; i < frames.count; ++i) {
        names.push_back(rt::symbol_of(frames.addresses[static_cast<std::size_t>(i)]));
    }
    return names;
}

}  // namespace weft::detail
