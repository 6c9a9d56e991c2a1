#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>
#include <weft/delay.hpp>
#include <weft/detail/wait_many.hpp>
#include <weft/errors.hpp>
#include <weft/future.hpp>
#include <weft/gather.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

namespace weft {

namespace detail {

/// Gives `to` the outcome of `from`, unless it has one: then the error, if any, counts as seen.
template <class T>
void copy_outcome(const Future<T>& from, const Future<T>& to) {
    if (from.cancelled()) {
        to.cancel();
        return;
    }
    FutureState& target = *to.state();
    if (!target.try_begin_finish()) {
        from.state()->mark_error_seen();
        return;
    }
    // The right first: a result that can only be moved is not to be moved in vain.
    try {
        if constexpr (std::is_void_v<T>) {
            from.take(false);
        } else {
            ::new (target.value()) T(from.take(false));
        }
    } catch (...) {
        target.set_error(std::current_exception());
        target.finish(Status::Error);
        return;
    }
    target.finish(Status::Value);
}

}  // namespace detail

/// What wait() found, in the order given.
template <class Handle>
struct WaitResult {
    std::vector<Handle> done;
    std::vector<Handle> pending;
};

/// Waits until some of the futures are done, or for `timeout`. Cancels nothing, and being late is no
/// error. One given twice counts once.
///
/// Suspends      until `when` is met or the time is up; for a turn where it is met already.
/// Cancellation  safe; the futures are left alone.
/// Errors        ValueError when none is given; CancelledError.
/// Threads       any; a plain thread blocks.
/// Returns       which are done, and which are not.
/// asyncio       wait
template <detail::FutureLike Handle>
WaitResult<Handle> wait(
    const std::vector<Handle>& futures,
    std::optional<Delay> timeout = std::nullopt,
    ReturnWhen when = ReturnWhen::AllCompleted
) {
    if (futures.empty()) {
        throw ValueError("wait(): no future was given");
    }
    std::vector<Handle> each = detail::distinct(futures);
    detail::wait_many(detail::states_of(each), timeout, when);
    WaitResult<Handle> result;
    for (Handle& future : each) {
        (future.done() ? result.done : result.pending).push_back(std::move(future));
    }
    return result;
}

/// Waits for a future or task, or calls a function, for no longer than `timeout`; then what takes
/// too long is cancelled and, once it has ended, TimeoutError is thrown.
///
/// With zero and less a future that is done gives its result, and a function is not called.
///
/// Suspends      until done; when late, until what was cancelled has ended.
/// Cancellation  goes on to what it waits for.
/// Errors        TimeoutError; CancelledError; what the future was given; RuntimeError outside of a
///               task.
/// Threads       any loop.
/// Returns       the result, also when what was cancelled ended with one.
/// asyncio       wait_for
template <detail::Awaitable A>
auto wait_for(A&& awaitable, std::optional<Delay> timeout) -> detail::AwaitedType<A> {
    const auto call = [&]() -> detail::AwaitedType<A> {
        if constexpr (detail::FutureLike<A>) {
            return weft::await(awaitable);
        } else {
            return awaitable();
        }
    };
    if (!timeout) {
        return call();
    }
    if (timeout->nanos().count() <= 0) {
        if constexpr (detail::FutureLike<A>) {
            if (awaitable.done()) {
                return weft::await(awaitable);
            }
            detail::cancel_and_wait(*awaitable.state());
            try {
                return weft::await(awaitable);  // it may have ended with something else
            } catch (const CancelledError&) {
            }
        }
        throw TimeoutError();
    }
    return weft::timeout(*timeout, call);
}

/// Returns a future of the same result whose cancellation does not reach `inner`.
///
/// When `inner` is done already, that is `inner` itself. When it is cancelled, so is the shield. An
/// error that comes after the shield was cancelled is reported as one that nobody retrieved.
///
/// Suspends      never; await() the result.
/// Errors        RuntimeError without a running loop; std::bad_alloc.
/// Threads       any that runs a loop.
/// asyncio       shield
template <detail::Awaitable A>
[[nodiscard]] auto shield(A&& awaitable) -> Future<detail::AwaitedType<A>> {
    using T = detail::AwaitedType<A>;
    const Future<T> inner = detail::ensure_future(std::forward<A>(awaitable));
    if (inner.done()) {
        return inner;
    }
    const Future<T> outer;
    auto copy = detail::make_done_callback([outer](detail::Ref<detail::FutureState> done) {
        detail::copy_outcome(Future<T>(std::move(done)), outer);
    });
    detail::tell_when_done(*inner.state(), copy);
    // Not by way of `inner`, which would keep itself alive then.
    outer.add_done_callback([copy = std::move(copy)](const Future<T>&) {
        if (!copy->told()) {
            copy->cancel();
        }
    });
    return outer;
}

}  // namespace weft
