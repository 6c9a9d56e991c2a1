#pragma once

#include <exception>
#include <string>
#include <weft/detail/future_state.hpp>

namespace weft::rt {

/// What an exception says: its what(), or the name of its type.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

/// Logs the error of a future or task that ended with nobody having looked at it: once, by name.
void report_unseen_error(
    const detail::FutureState& state, const std::exception_ptr& error
) noexcept;

/// Logs what a callback threw.
void report_callback_error(const std::exception_ptr& error) noexcept;

/// How many errors were reported as never looked at; a test must see none it did not plan.
[[nodiscard]] std::uint64_t unseen_errors() noexcept;

}  // namespace weft::rt
