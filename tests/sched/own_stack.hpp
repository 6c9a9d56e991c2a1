#pragma once

#include "fiber/slab_table.hpp"

namespace weft::test {

/// The stack on which the caller stands.
[[gnu::noinline]] inline const rt::Stack* own_stack() {
    return rt::find_stack(__builtin_frame_address(0));
}

}  // namespace weft::test
