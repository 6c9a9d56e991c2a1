#include "fiber/switch.hpp"

#include <cstddef>

namespace weft::rt {

WEFT_NO_INSTRUMENT boost::context::detail::transfer_t arrive(
    boost::context::detail::transfer_t transfer
) {
    // A copy: the stack it lies on may be somebody else's as soon as the commit has run.
    const Departure departure = *static_cast<Departure*>(transfer.data);
    asan_finish_switch(*departure.target);
    if (departure.save != nullptr) {
        *departure.save = transfer.fctx;
    }
    if (departure.commit != nullptr) {
        departure.commit(departure.argument);
    }
    return {nullptr, nullptr};
}

Context make_context(Stack& stack, void (*entry)()) noexcept {
    // SAFETY: make_fcontext wants a function of one transfer_t, which the psABI passes in registers
    // that a function without parameters does not look at.
    auto* const bottom = reinterpret_cast<void (*)(boost::context::detail::transfer_t)>(entry);
    return boost::context::detail::make_fcontext(
        stack.top, static_cast<std::size_t>(stack.top - stack.low), bottom
    );
}

}  // namespace weft::rt
