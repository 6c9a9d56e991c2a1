#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>
#include <string>
#include <utility>
#include <weft/run.hpp>
#include <weft/runtime.hpp>

#include "support/leak_check.hpp"
#include "support/log_capture.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/settle.hpp"

// Tests live in namespace weft::test, so that weft's names and these helpers are both at hand.

namespace weft::test {

/// A runtime to test on.
struct Shape {
    int workers;
    bool hop;  ///< stealable tasks move to the next loop at each suspension
};

/// "w2_hop".
[[nodiscard]] inline std::string name_of(const Shape& shape) {
    return "w" + std::to_string(shape.workers) + (shape.hop ? "_hop" : "");
}
inline void PrintTo(const Shape& shape, std::ostream* out) {
    *out << name_of(shape);
}

/// A test that must hold for every number of loops, with tasks that move and with ones that do not:
/// TEST_P(OnEveryRuntime, ...) needs nothing else. A suite of another name derives from this and
/// says WEFT_ON_EVERY_RUNTIME(Suite).
class OnEveryRuntime : public ::testing::TestWithParam<Shape> {
protected:
    [[nodiscard]] static int workers() { return GetParam().workers; }
    [[nodiscard]] static bool hop() { return GetParam().hop; }

    [[nodiscard]] static RuntimeOptions options() {
        RuntimeOptions options;
        options.workers = workers();
        options.hop = hop();
        options.pin = Pin::None;  // several tests may run on this machine at once
        return options;
    }

    /// Runs `f` as the main task of a runtime made for it; returns its result.
    template <class F>
    static auto run(F&& f) {
        return weft::run(std::forward<F>(f), options());
    }
};

/// As it says, also where the environment asks for hops (the tsan preset does): for tests of what
/// happens to tasks that are not moved on purpose.
class WithoutHops {
public:
    WithoutHops() { ::unsetenv("WEFT_HOP"); }
    WithoutHops(const WithoutHops&) = delete;
    WithoutHops& operator=(const WithoutHops&) = delete;
    ~WithoutHops() {
        if (asked_) {
            ::setenv("WEFT_HOP", "1", 1);
        }
    }

private:
    bool asked_ = std::getenv("WEFT_HOP") != nullptr;
};

#define WEFT_ON_EVERY_RUNTIME(Suite)                                       \
    INSTANTIATE_TEST_SUITE_P(                                              \
        Each,                                                              \
        Suite,                                                             \
        ::testing::Values(                                                 \
            ::weft::test::Shape{1, false},                                 \
            ::weft::test::Shape{2, false},                                 \
            ::weft::test::Shape{2, true},                                  \
            ::weft::test::Shape{4, false},                                 \
            ::weft::test::Shape{4, true}                                   \
        ),                                                                 \
        [](const auto& each) { return ::weft::test::name_of(each.param); } \
    )

}  // namespace weft::test
