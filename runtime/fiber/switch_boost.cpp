#include "fiber/switch.hpp"

#if !WEFT_OWN_SWITCH

namespace weft::rt {

WEFT_NO_INSTRUMENT boost::context::detail::transfer_t arrive(
    boost::context::detail::transfer_t transfer
) {
    // A copy: the stack it lies on may be somebody else's as soon as the commit has run.
    const Departure departure = *static_cast<Departure*>(transfer.data);
    if (departure.save != nullptr) {
        *departure.save = transfer.fctx;
    }
    departure.commit(departure.argument);
    return {nullptr, nullptr};
}

}  // namespace weft::rt

#endif
