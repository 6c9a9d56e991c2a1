#pragma once

#include <string>
#include <vector>

#include "model/checker.hpp"

namespace weft::model {

/// A scenario that holds, and the test it is from.
struct Held {
    std::string test;
    Scenario scenario;
    Limits limits;
};

/// From here on the expectations try nothing, and what is to hold is put there.
void collect_held(std::vector<Held>& held) noexcept;

/// The scenario is tried in every way within the limits, and nothing goes wrong.
void expect_holds(const Scenario& scenario, const Limits& limits = {});

/// Something goes wrong, and the failure has `part` in it: a bug was planted in the scenario.
void expect_found(const Scenario& scenario, const char* part, const Limits& limits = {});

/// The same, where the bug is planted in the code under test.
void expect_found(
    const Scenario& scenario, const Mutation& mutation, const char* part, const Limits& limits = {}
);

}  // namespace weft::model
