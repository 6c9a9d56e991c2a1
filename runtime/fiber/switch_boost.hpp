#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#include "base/check.hpp"
#include "fiber/stack.hpp"

// The switch by Boost.Context, for every processor that it knows. fiber/switch.hpp is the interface, and says
// what each of the three does. Every switch is ontop_fcontext, which carries the float state (R12), too.

namespace weft::rt {

/// What the stack that is left tells the one that is entered.
struct Departure {
    void** save;
    void (*commit)(void*) noexcept;
    void* argument;
};

/// Runs on the target's stack, before the target goes on.
boost::context::detail::transfer_t arrive(boost::context::detail::transfer_t transfer);

[[nodiscard]] inline void* prepare_stack(Stack& stack, void (*entry)()) noexcept {
    // SAFETY: make_fcontext wants a function of one transfer_t, which the psABI passes in registers
    // that a function without parameters does not look at.
    auto* const bottom = reinterpret_cast<void (*)(boost::context::detail::transfer_t)>(entry);
    return boost::context::detail::make_fcontext(stack.top, stack.usable_bytes(), bottom);
}

[[gnu::always_inline]] inline void leave_for(
    void** save,
    void* to,
    Stack& to_stack,
    void (*commit)(void*) noexcept,
    void* argument,
    void (*entry)()
) noexcept {
    Departure departure{save, commit, argument};
    boost::context::detail::ontop_fcontext(
        entry != nullptr ? prepare_stack(to_stack, entry) : to, &departure, arrive
    );
}

[[noreturn, gnu::always_inline]] inline void go_to(
    void* to, void (*commit)(void*) noexcept, void* argument
) noexcept {
    Departure departure{nullptr, commit, argument};
    boost::context::detail::ontop_fcontext(to, &departure, arrive);
    check_failed("unreachable", "an abandoned stack was resumed", __FILE__, __LINE__);
}

}  // namespace weft::rt
