#pragma once

#include "task/report.hpp"
#include "task/sink.hpp"

namespace weft::rt {

/// From now on reports of errors go to the handlers of loops. Again: nothing.
void install_error_reporter() noexcept;
/// At the end of a loop.
void forget_exception_handler(const detail::Sink* loop) noexcept;

}  // namespace weft::rt
