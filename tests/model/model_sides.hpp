#pragma once

#include "base/birthplace.hpp"
#include "model/checker.hpp"

namespace weft::model {

/// What OwnerLock needs of the machine.
struct ModelSides {
    static constexpr int kPatience = 1;  // two that wait for each other would go in circles
    static void light_barrier() {}
    [[nodiscard]] static bool heavy_barrier() {
        model::heavy_barrier();
        return true;
    }
    struct Pause {
        void operator()(const rt::Birthplace&) { pass(); }
    };
};

}  // namespace weft::model
