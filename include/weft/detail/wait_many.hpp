#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>
#include <weft/delay.hpp>
#include <weft/detail/future_state.hpp>

namespace weft {

/// When wait() returns.
///
/// asyncio   FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED
enum class ReturnWhen : std::uint8_t {
    FirstCompleted,  ///< when any is done or cancelled
    FirstException,  ///< when any is done with an error (not: cancelled), or all are done
    AllCompleted,
};

namespace detail {

using Futures = std::vector<Ref<FutureState>>;

/// Waits for some of the futures, none of which stands in it twice. Cancels nothing.
void wait_many(const Futures& futures, std::optional<Delay> timeout, ReturnWhen when);

/// Cancels the future and waits until it is done.
void cancel_and_wait(FutureState& state);

}  // namespace detail
}  // namespace weft
