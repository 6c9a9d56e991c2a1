#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "allocation_scenario.hpp"

namespace weft::test {

/// How requests are refused from the chosen one on.
enum class RefusalMode { One, Burst, Rest };
inline constexpr std::array kRefusalModes{RefusalMode::One, RefusalMode::Burst, RefusalMode::Rest};

[[nodiscard]] std::string_view name_of(RefusalMode mode);

/// A point of a sweep: on how many loops, in which way, from which request on.
struct TrialPoint {
    int loops = 1;
    RefusalMode mode = RefusalMode::One;
    std::uint64_t first = 1;

    /// "2:burst:17"
    [[nodiscard]] std::string text() const;
    /// Throws std::invalid_argument.
    [[nodiscard]] static TrialPoint parse(std::string_view text);
};

enum class TrialEnd {
    Unreached,  ///< there were not so many requests
    Succeeded,  ///< in spite of the refusals
    Reported,   ///< went on, and an exception handler was told
    Threw,      ///< std::bad_alloc came out where it is documented
};
inline constexpr std::array kTrialEnds{
    TrialEnd::Unreached, TrialEnd::Succeeded, TrialEnd::Reported, TrialEnd::Threw};

[[nodiscard]] std::string_view name_of(TrialEnd end);

struct TrialResult {
    TrialEnd end = TrialEnd::Unreached;
    MemoryCount count;
    std::string problem;  ///< empty: none
};

/// Runs a scenario on a runtime of its own: with refusals, then without on the same runtime. Then it
/// looks at what was left: memory, tasks, descriptors, threads.
[[nodiscard]] TrialResult run_trial(const Scenario& scenario, const TrialPoint& point);

/// Runs a scenario without refusals and returns how many requests for memory it makes.
[[nodiscard]] std::uint64_t count_requests(const Scenario& scenario, int loops);

}  // namespace weft::test
