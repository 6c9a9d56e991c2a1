#include "storm/world.hpp"

#include <string>

#include "storm/findings.hpp"

namespace weft::storm {

void World::settle() {
    for (auto& queue : item_queues) {
        while (const auto item = queue.try_get()) {
            items.left(*item);
        }
    }
    for (auto& queue : parcel_queues) {
        while (const auto parcel = queue.try_get()) {
            parcels.left(parcel->id());
        }
    }
    tasks.settle();
    items.settle("item");
    parcels.settle("parcel");
    if (parcels_alive != 0) {
        find("of the parcels " + std::to_string(parcels_alive) + " more were made than destroyed");
    }
    for (Guarded& each : guarded) {
        if (each.lock.locked() || !each.lock.try_lock()) {
            find("a lock is locked when all is over");
        }
        if (each.value != each.sections) {
            find(
                "a lock was had " + std::to_string(each.sections) +
                " times, the number it guards is " + std::to_string(each.value)
            );
        }
    }
    for (Permits& each : permits) {
        if (each.semaphore.value() != each.count) {
            find(
                std::to_string(each.semaphore.value()) + " of " + std::to_string(each.count) +
                " permits are back"
            );
        }
    }
    if (tokens.made != tokens.taken + static_cast<std::uint64_t>(tokens.there)) {
        find(
            std::to_string(tokens.made) + " tokens were announced, " +
            std::to_string(tokens.taken) + " taken, " + std::to_string(tokens.there) + " are left"
        );
    }
}

}  // namespace weft::storm
