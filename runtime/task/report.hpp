#pragma once

#include <exception>
#include <string>
#include <weft/detail/context_state.hpp>
#include <weft/detail/future_state.hpp>
#include <weft/detail/site.hpp>

#include "task/task_state.hpp"

namespace weft::rt {

/// "spawned at f.cpp:3".
[[nodiscard]] std::string text_of_site(detail::Site site);
[[nodiscard]] std::string site_of(const TaskState& task);
/// "task 'x' spawned at f.cpp:3".
[[nodiscard]] std::string name_and_site(const TaskState& task);

/// What an exception says: its what(), or the name of its type.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

/// An error that nobody is there to catch.
struct ErrorReport {
    std::string message;  ///< what happened; the error itself comes after it
    std::string subject;  ///< to whom: "task 'x'", "a future", "a callback"
    std::exception_ptr error;
    detail::Sink* loop;  ///< which it concerns; null: none. It may be gone
    detail::Ref<detail::ContextState> context;
};

/// Takes reports before they are logged; false: it is to be logged. Installed by the floor that
/// knows what loops have for handlers.
using ErrorReporter = bool (*)(ErrorReport& report);
void set_error_reporter(ErrorReporter reporter) noexcept;

/// "MESSAGE: what the error says", to the log.
void log_report(const std::string& message, const std::exception_ptr& error) noexcept;

/// Reports the error of a future or task that ended with nobody having looked at it: once, by name.
void report_unseen_error(
    const detail::FutureState& state, const std::exception_ptr& error
) noexcept;

/// Reports what a callback of this loop threw.
void report_callback_error(const std::exception_ptr& error) noexcept;

/// Reports an error of something else that runs here: "exception in the handler of a connection".
void report_error(
    std::string message, std::string subject, const std::exception_ptr& error
) noexcept;

/// How many errors were reported as never looked at; a test must see none it did not plan.
[[nodiscard]] std::uint64_t unseen_errors() noexcept;

}  // namespace weft::rt
