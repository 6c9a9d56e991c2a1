#pragma once

#include "base/atomic.hpp"

namespace weft::rt {

/// While there is one, something is under way on a thread of weft's that ends somebody's wait: a job of an
/// executor, a look-up of a name.
///
/// Edges: end's release -> any's acquire: what came of it.
class Errand {
public:
    Errand() noexcept { begin(); }
    Errand(const Errand&) = delete;
    Errand& operator=(const Errand&) = delete;
    ~Errand() { end(); }

    static void begin() noexcept { count_.fetch_add(1, release); }
    static void end() noexcept { count_.fetch_sub(1, release); }
    [[nodiscard]] static bool any() noexcept { return count_.load(acquire) != 0; }

private:
    static inline Atomic<int> count_{0};
};

}  // namespace weft::rt
