#pragma once

#include <boost/context/detail/fcontext.hpp>

#include "fiber/stack.hpp"

namespace weft::rt::test {

/// Calls `function` on the stack and returns when it did. Straight from Boost, so that a test of
/// stacks does not stand on the switch that it is a part of.
inline void run_on(const Stack& stack, void (*function)()) {
    namespace context = boost::context::detail;
    const context::fcontext_t entry =
        context::make_fcontext(stack.top, stack.usable_bytes(), [](context::transfer_t transfer) {
            reinterpret_cast<void (*)()>(transfer.data)();
            context::jump_fcontext(transfer.fctx, nullptr);
        });
    context::jump_fcontext(entry, reinterpret_cast<void*>(function));
}

}  // namespace weft::rt::test
