#pragma once

#include <atomic>

namespace weft::test {

/// Counts how many of it are alive, so that a test sees what is destroyed twice or never.
class Counted {
public:
    using Count = std::atomic<int>;

    explicit Counted(Count& alive) : alive_(&alive) { alive_->fetch_add(1); }
    Counted(const Counted& other) : alive_(other.alive_) { alive_->fetch_add(1); }
    Counted(Counted&& other) noexcept : alive_(other.alive_) { alive_->fetch_add(1); }
    Counted& operator=(const Counted&) = delete;
    Counted& operator=(Counted&&) = delete;
    ~Counted() { alive_->fetch_sub(1); }

private:
    Count* alive_;
};

}  // namespace weft::test
