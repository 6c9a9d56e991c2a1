#include "storm/plant.hpp"

#include <array>
#include <atomic>
#include <stdexcept>

namespace weft::storm {
namespace {

struct Named {
    Plant plant;
    std::string_view name;
};

constexpr std::array kPlants{
    Named{Plant::TaskTwice, "task_twice"},
    Named{Plant::TaskLost, "task_lost"},
    Named{Plant::TaskLeft, "task_left"},
    Named{Plant::ItemLost, "item_lost"},
    Named{Plant::ItemTwice, "item_twice"},
    Named{Plant::ParcelLeaked, "parcel_leaked"},
    Named{Plant::PermitLeaked, "permit_leaked"},
    Named{Plant::UpdateLost, "update_lost"},
    Named{Plant::TokenLost, "token_lost"},
    Named{Plant::FutureTwice, "future_twice"},
    Named{Plant::GroupLeft, "group_left"},
    Named{Plant::ErrorUnseen, "error_unseen"},
    Named{Plant::WakeLost, "wake_lost"},
    Named{Plant::LoopKept, "loop_kept"},
    Named{Plant::PassLost, "pass_lost"},
    Named{Plant::DescriptorLeft, "descriptor_left"},
    Named{Plant::ThreadLeft, "thread_left"},
    Named{Plant::Crash, "crash"},
};

std::atomic<Plant> chosen{Plant::None};

}  // namespace

void choose_plant(Plant plant) noexcept {
    chosen.store(plant);
}

bool planted(Plant plant) noexcept {
    Plant expected = plant;
    return chosen.load(std::memory_order_relaxed) == plant &&
           chosen.compare_exchange_strong(expected, Plant::None);
}

Plant plant_of(std::string_view name) {
    for (const Named& each : kPlants) {
        if (each.name == name) {
            return each.plant;
        }
    }
    throw std::invalid_argument("there is no plant '" + std::string(name) + "'");
}

std::vector<std::string> plant_names() {
    std::vector<std::string> names;
    for (const Named& each : kPlants) {
        names.emplace_back(each.name);
    }
    return names;
}

}  // namespace weft::storm
