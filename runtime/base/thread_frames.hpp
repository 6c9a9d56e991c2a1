#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/clock.hpp"

namespace weft::rt {

/// Lets this process ask its threads where they are: takes SIGURG, unless the program has a use for it
/// already. Again: nothing.
void install_frames_handler() noexcept;

/// What a thread of this process is in the middle of, the innermost call first: symbol_of() each. It is
/// interrupted for that, and says so itself. Nothing when it does not for as long as `patience`, when it
/// has ended, or where there is no handler. One asks at a time.
[[nodiscard]] std::vector<std::string> frames_of_thread(pid_t thread, Nanos patience);

}  // namespace weft::rt
