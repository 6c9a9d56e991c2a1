#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace weft::rt {

class Worker;

/// What a thread outside knows of how one loop comes round. Costs the loop nothing.
class Progress {
public:
    /// For how long the loop has been kept by one task or callback, as seen at `now`; 0 when it comes
    /// round, sleeps, or nobody drives it.
    [[nodiscard]] Nanos kept(const Worker& worker, Nanos now) noexcept;

private:
    std::uint64_t seen_ = ~std::uint64_t{0};  // none yet: the first look is news
    Nanos since_ = 0;
};

}  // namespace weft::rt
