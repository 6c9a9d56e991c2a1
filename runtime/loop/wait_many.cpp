#include <memory>
#include <utility>
#include <weft/detail/loop_api.hpp>
#include <weft/detail/wait_many.hpp>
#include <weft/errors.hpp>
#include <weft/future.hpp>

#include "base/atomic.hpp"
#include "loop/awaited.hpp"
#include "loop/callback_handles.hpp"

namespace weft::detail {
namespace {

/// What the futures tell; shared, as one may tell it when nobody waits any more.
class Waiting {
public:
    Waiting(std::size_t count, ReturnWhen when) : left_(count), when_(when) {}

    void child_done(FutureState& child) {
        // acq_rel: what the others did is seen by who waits, through the last of them
        const bool last = left_.fetch_sub(1, rt::acq_rel) == 1;
        if (last || when_ == ReturnWhen::FirstCompleted ||
            (when_ == ReturnWhen::FirstException && child.status() == Status::Error &&
             child.take_error() != nullptr)) {  // seen by this
            end();
        }
    }
    void end() {
        FutureState& waiter = *waiter_.state();
        if (waiter.try_begin_finish()) {
            waiter.finish(Status::Value);
        }
    }
    [[nodiscard]] const Future<void>& waiter() const noexcept { return waiter_; }

private:
    rt::Atomic<std::size_t> left_;
    const ReturnWhen when_;
    const Future<void> waiter_;
};

}  // namespace

void wait_many(const Futures& futures, std::optional<Delay> timeout, ReturnWhen when) {
    const auto waiting = std::make_shared<Waiting>(futures.size(), when);
    CallbackHandles handles;
    const bool on_loop = timeout && handles.after(*timeout, [waiting] { waiting->end(); });
    for (const Ref<FutureState>& future : futures) {
        handles.when_done(*future, [waiting](FutureState& done) { waiting->child_done(done); });
    }
    const Awaited awaited(*waiting->waiter().state(), futures, when != ReturnWhen::AllCompleted);
    if (timeout && !on_loop) {
        static_cast<void>(waiting->waiter().wait_for(*timeout));
        return;
    }
    waiting->waiter().get();
}

void cancel_and_wait(FutureState& state) {
    const auto waiting = std::make_shared<Waiting>(1, ReturnWhen::AllCompleted);
    CallbackHandles handles;
    handles.when_done(state, [waiting](FutureState& done) { waiting->child_done(done); });
    state.cancel({});
    const Awaited awaited(*waiting->waiter().state(), &state);
    waiting->waiter().get();
}

}  // namespace weft::detail
