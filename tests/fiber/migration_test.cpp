#include <gtest/gtest.h>

#include <cstdint>

#include "hazards/walk.hpp"
#include "support/random.hpp"
#include "support/runtime_fixture.hpp"
#include "support/scale.hpp"

namespace weft::test {
namespace {

constexpr int kMigrations = 500'000;  // twice: a million in all

void expect_right(const Findings& found, std::uint64_t migrations) {
    EXPECT_GE(found.migrations, migrations);
    EXPECT_EQ(found.tls, 0U);
    EXPECT_EQ(found.error_number, 0U);
    EXPECT_EQ(found.exceptions, 0U);
    EXPECT_EQ(found.rounding, 0U);
}

// Goal: after a suspension a task finds the thread it is on, its own errno, the exceptions it has
// in flight and its rounding mode; random steps, all of them with a migration.
TEST(MigrationTest, WalkersFindWhatIsTheirs) {
#ifdef __OPTIMIZE__
    constexpr int kShare = 1;
#else
    constexpr int kShare = 5;  // nothing is kept in a register there that should not be
#endif
    for (const int workers : {2, 4}) {
        const auto migrations = static_cast<std::uint64_t>(scaled(kMigrations / kShare));
        const Findings found = walk(workers, true, {.migrations = migrations}, random_engine()());
        expect_right(found, migrations);
#ifdef __OPTIMIZE__
        if (!kAsan && !kTsan) {
            EXPECT_GT(found.naive_tls, 0U) << "nothing was at stake";
            EXPECT_GT(found.naive_error_number, 0U) << "nothing was at stake";
        }
#endif
    }
}

// Goal: the same where tasks move by being stolen, and where a child runs in its parent's place.
TEST(MigrationTest, StolenWalkersFindWhatIsTheirs) {
    for (const int workers : {2, 4}) {
        const auto suspensions = static_cast<std::uint64_t>(scaled(200'000));
        expect_right(walk(workers, false, {.suspensions = suspensions}, random_engine()()), 0);
    }
}

}  // namespace
}  // namespace weft::test
