#pragma once

namespace weft::inject {

/// Counts from 0 again and injects, as the library that was preloaded is asked to. Without it these
/// do nothing.
void start();
/// Neither counts nor injects any more.
void stop();
/// How many calls were injected since the start.
[[nodiscard]] long injected();

}  // namespace weft::inject
