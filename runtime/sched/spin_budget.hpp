#pragma once

#include <algorithm>

namespace weft::rt {

/// Whether it is worth it for a worker to go on looking for work a little longer: it was, one time in three of
/// the last ones. A spin in vain costs its time, one that brings something saves a sleep and a wake-up.
///
/// When it is not worth it, it is tried again now and then, as programs change, and where a sleep without one was so
/// short that a spin would have done.
class SpinBudget {
public:
    [[nodiscard]] bool wants() noexcept { return credit_ > 0 || ++refused_ % kTryEvery == 0; }
    void paid() noexcept { credit_ = std::min(credit_ + kGain, kMost); }
    void would_have_paid() noexcept { credit_ = std::max(credit_, 1); }
    void was_in_vain() noexcept { credit_ = std::max(credit_ - 1, 0); }

private:
    static constexpr int kGain = 2;
    static constexpr int kMost = 16;
    static constexpr unsigned kTryEvery = 64;

    int credit_ = 4;
    unsigned refused_ = 0;
};

}  // namespace weft::rt
