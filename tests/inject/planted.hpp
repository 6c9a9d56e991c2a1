#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

namespace weft::inject {

/// A step that does what code under faults gets wrong, so that a test sees each found:
///
///   none     nothing
///   lose     takes a short send() for a whole one
///   crash    aborts when there is no socket
///   hang     waits for ever when a recv() was interrupted
///   leak     forgets its socket when an option cannot be set
///   silent   takes a lost connection for its end
///   vague    says of a socket that could not be had only that something failed
///   slow     after a lost connection, has the server take its time
///
/// Nothing where there is no such name.
[[nodiscard]] std::optional<std::function<void()>> planted(std::string_view name);

/// How long the server waits before it serves a connection: 0, but for `slow`.
[[nodiscard]] std::chrono::milliseconds slowness();

}  // namespace weft::inject
