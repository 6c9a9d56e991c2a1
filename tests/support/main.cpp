#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>

#include "support/leak_check.hpp"
#include "support/random.hpp"
#include "support/runtime_fixture.hpp"
#include "support/watchdog.hpp"

namespace weft::test {

// Here once for all files that use the fixture under its own name.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OnEveryRuntime);
WEFT_ON_EVERY_RUNTIME(OnEveryRuntime);

}  // namespace weft::test

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    // There are threads from the start: a test of a death runs the program anew.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    std::printf("WEFT_TEST_SEED=%" PRIu64 "\n", weft::test::seed());
    std::fflush(stdout);
    ::testing::TestEventListeners& listeners = ::testing::UnitTest::GetInstance()->listeners();
    listeners.Append(new weft::test::LeakCheck);
    listeners.Append(new weft::test::Watchdog);
    return RUN_ALL_TESTS();
}
