#include "support/random.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace weft::test {

std::uint64_t seed() {
    static const std::uint64_t chosen = [] {
        if (const char* const given = std::getenv("WEFT_TEST_SEED"); given != nullptr) {
            return static_cast<std::uint64_t>(std::strtoull(given, nullptr, 0));
        }
        return static_cast<std::uint64_t>(std::random_device{}());
    }();
    return chosen;
}

std::mt19937_64 random_engine(std::uint64_t stream) {
    const ::testing::TestInfo* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string name =
        test != nullptr ? std::string(test->test_suite_name()) + "." + test->name() : "";
    const std::uint64_t hash = std::hash<std::string>{}(name);
    std::seed_seq sequence{seed(), seed() >> 32U, hash, hash >> 32U, stream};
    return std::mt19937_64(sequence);
}

}  // namespace weft::test
