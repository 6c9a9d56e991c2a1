#pragma once

namespace weft::simulate {

/// Whether each atomic operation and each mutex of a simulated runtime is a point where another virtual
/// thread may go on. Off at first: a function-local static must not be interrupted while it is made.
void set_points(bool on) noexcept;

}  // namespace weft::simulate
