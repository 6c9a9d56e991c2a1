#pragma once

#include <cstddef>
#include <exception>
#include <new>
#include <tuple>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>
#include <weft/detail/gather_state.hpp>
#include <weft/detail/wait_many.hpp>
#include <weft/errors.hpp>
#include <weft/future.hpp>
#include <weft/outcome.hpp>
#include <weft/task.hpp>

namespace weft {

namespace detail {

template <class T>
T value_type_of(const Future<T>&);  // of a Task, too
template <class A>
concept FutureLike = requires(const std::decay_t<A>& argument) {
    detail::value_type_of(argument);
};
template <class A>
concept Awaitable = FutureLike<A> || std::is_invocable_v < std::decay_t<A>
& > ;

/// The future itself, or that of a new task of this loop which runs the function.
template <Awaitable A>
[[nodiscard]] auto ensure_future(A&& argument) {
    if constexpr (FutureLike<A>) {
        return Future<typename std::decay_t<A>::value_type>(argument.state());
    } else {
        return create_task(std::forward<A>(argument)).future();
    }
}
template <class A>
using AwaitedType = typename decltype(detail::ensure_future(std::declval<A>()))::value_type;

/// What stands for a result in a tuple or a vector of them.
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// The result of a child that is done, copied, or moved where it can only be moved.
template <class T>
[[nodiscard]] Stored<T> stored_result(const Ref<FutureState>& child) {
    const Future<T> future(child);
    if constexpr (std::is_void_v<T>) {
        future.take(false);
        return {};
    } else {
        return future.take(false);
    }
}

/// How a child that is done ended.
template <class T>
[[nodiscard]] Outcome<T> outcome_of(const Ref<FutureState>& child) {
    try {
        return Outcome<T>(stored_result<T>(child));
    } catch (...) {
        return Outcome<T>(std::current_exception());
    }
}

/// `Maker::make(children)` returns the Maker::Result.
template <class Maker>
class GatherOf final : public GatherState {
public:
    using Result = typename Maker::Result;

    explicit GatherOf(bool return_exceptions) noexcept
        : GatherState(kOperations, &slot_, return_exceptions) {}

private:
    ~GatherOf() = default;

    static void destroy(FutureState& state) noexcept {
        auto& self = static_cast<GatherOf&>(state);
        if (self.status() == Status::Value) {
            self.slot_.value.~Result();
        }
        delete &self;
    }
    static void collect(GatherState& state, const Children& arguments) {
        auto& self = static_cast<GatherOf&>(state);
        ::new (static_cast<void*>(&self.slot_.value)) Result(Maker::make(arguments));
    }
    static constexpr GatherOperations kOperations{{&destroy, &GatherState::cancel}, &collect};

    Slot<Result> slot_;
};

template <class Maker>
[[nodiscard]] Future<typename Maker::Result> start_gather(
    const GatherState::Children& arguments, bool return_exceptions
) {
    auto* const state = new GatherOf<Maker>(return_exceptions);
    Future<typename Maker::Result> outer(Ref<FutureState>::adopt(state));
    state->start(arguments);
    return outer;
}

template <class... Ts>
struct TupleOfResults {
    using Result = std::tuple<Stored<Ts>...>;
    static Result make(const GatherState::Children& children) {
        return make(children, std::index_sequence_for<Ts...>());
    }
    template <std::size_t... I>
    static Result make(const GatherState::Children& children, std::index_sequence<I...> /*tag*/) {
        return Result{stored_result<Ts>(children[I])...};
    }
};
template <class... Ts>
struct TupleOfOutcomes {
    using Result = std::tuple<Outcome<Ts>...>;
    static Result make(const GatherState::Children& children) {
        return make(children, std::index_sequence_for<Ts...>());
    }
    template <std::size_t... I>
    static Result make(const GatherState::Children& children, std::index_sequence<I...> /*tag*/) {
        return Result{outcome_of<Ts>(children[I])...};
    }
};
template <class T>
struct VectorOfResults {
    using Result = std::vector<Stored<T>>;
    static Result make(const GatherState::Children& children) {
        Result results;
        results.reserve(children.size());
        for (const auto& child : children) {
            results.push_back(stored_result<T>(child));
        }
        return results;
    }
};
template <class T>
struct VectorOfOutcomes {
    using Result = std::vector<Outcome<T>>;
    static Result make(const GatherState::Children& children) {
        Result results;
        results.reserve(children.size());
        for (const auto& child : children) {
            results.push_back(outcome_of<T>(child));
        }
        return results;
    }
};

/// Each once, at the place where it stands first.
template <class Handle>
[[nodiscard]] std::vector<Handle> distinct(const std::vector<Handle>& handles) {
    std::unordered_set<const FutureState*> seen;
    std::vector<Handle> each;
    for (const Handle& handle : handles) {
        if (seen.insert(handle.state().get()).second) {
            each.push_back(handle);
        }
    }
    return each;
}

template <class Handle>
[[nodiscard]] Futures states_of(const std::vector<Handle>& handles) {
    Futures states;
    states.reserve(handles.size());
    for (const Handle& handle : handles) {
        states.push_back(handle.state());
    }
    return states;
}

}  // namespace detail

/// The argument that has gather() keep errors instead of throwing the first.
struct ReturnExceptions {};
inline constexpr ReturnExceptions return_exceptions{};

/// Waits for all of several futures and tasks, and gives their results in the order of the
/// arguments. A function among them is made a task of this loop.
///
/// The first error is the result of the whole, at once; the others run on, and their errors are not
/// reported. Tasks of several loops and both kinds may be mixed; one given twice is waited for
/// once. Nothing given is done at once.
///
/// Suspends      never; await() the result.
/// Cancellation  cancelling the result cancels all that are not done; it ends when they have.
/// Errors        RuntimeError when a task must be made and no loop runs here; std::bad_alloc.
/// Threads       any.
/// Returns       a future of a tuple, where std::monostate stands for void; of a vector for a vector.
/// asyncio       gather
template <detail::Awaitable... Arguments>
[[nodiscard]] auto gather(Arguments&&... arguments) {
    return detail::start_gather<detail::TupleOfResults<detail::AwaitedType<Arguments>...>>(
        {detail::ensure_future(std::forward<Arguments>(arguments)).state()...}, false
    );
}
template <detail::FutureLike Handle>
[[nodiscard]] auto gather(const std::vector<Handle>& futures) {
    return detail::start_gather<detail::VectorOfResults<typename Handle::value_type>>(
        detail::states_of(futures), false
    );
}

/// The same, but an error is a result like any other: gather(return_exceptions, a, b).
///
/// Cancellation  cancelling the result cancels all; it then ends with CancelledError.
/// Returns       a future of a tuple, or a vector, of Outcome.
/// asyncio       gather(return_exceptions=True)
template <detail::Awaitable... Arguments>
[[nodiscard]] auto gather(ReturnExceptions /*tag*/, Arguments&&... arguments) {
    return detail::start_gather<detail::TupleOfOutcomes<detail::AwaitedType<Arguments>...>>(
        {detail::ensure_future(std::forward<Arguments>(arguments)).state()...}, true
    );
}
template <detail::FutureLike Handle>
[[nodiscard]] auto gather(ReturnExceptions /*tag*/, const std::vector<Handle>& futures) {
    return detail::start_gather<detail::VectorOfOutcomes<typename Handle::value_type>>(
        detail::states_of(futures), true
    );
}

}  // namespace weft
