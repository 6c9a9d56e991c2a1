#pragma once

#include <string_view>

#include "support/run.hpp"

namespace weft::perf {

/// What a peer does for one folder of perf/workload/: its <peer>.cpp adds it under the folder's name.
using RunPeer = void (*)(Run&);

/// For a constant at namespace scope: true.
bool add_peer(std::string_view name, RunPeer run);

}  // namespace weft::perf
