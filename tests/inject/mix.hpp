#pragma once

#include <functional>

namespace weft::inject {

/// Does a bit of everything that asks something of the system, tells what failed, and looks at
/// every byte that it gets back: an echo server on every loop with clients, small and large; names;
/// threads; deadlines and cancellations; a port where nobody listens; many stacks.
///
/// When a fault was injected meanwhile, an exchange with the same server follows, and how long it
/// took is told. Returns whether it did. `first` is done before everything else.
///
/// In a task.
[[nodiscard]] bool run_mix(const std::function<void()>& first);

}  // namespace weft::inject
