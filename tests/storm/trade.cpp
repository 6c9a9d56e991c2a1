#include <optional>
#include <type_traits>
#include <utility>

#include "storm/actor.hpp"

namespace weft::storm {
namespace {

template <class Item>
struct Market {
    Queue<Item>& queue;
    ItemLedger& ledger;
};

template <class Item>
Item make_item(World& world, std::size_t id) {
    if constexpr (std::is_same_v<Item, Parcel>) {
        return Parcel(world.parcels_alive, id);
    } else {
        return id;
    }
}

template <class Item>
std::size_t id_of(const Item& item) {
    if constexpr (std::is_same_v<Item, Parcel>) {
        return item.id();
    } else {
        return item;
    }
}

template <class Item>
void put_one(Actor& actor, Market<Item> market) {
    const std::size_t id = market.ledger.make();
    Item item = make_item<Item>(actor.world, id);
    // A put that throws has not touched its argument.
    if (actor.insist([&] { market.queue.put(std::move(item)); })) {
        market.ledger.put(id);
    }
}

template <class Item>
void get_one(Actor& actor, Market<Item> market) {
    std::optional<std::size_t> id;
    if (actor.dice.one_in(4)) {
        if (const auto item = market.queue.try_get()) {
            id = id_of(*item);
        }
    }
    if (id || actor.insist([&] { id = id_of(market.queue.get()); })) {
        market.ledger.got(*id);
    }
}

/// For each put one get, so that everybody gets something in the end: perhaps another's.
template <class Item>
void trade(Actor& actor, Market<Item> market) {
    World& world = actor.world;
    const bool buys = actor.dice.one_in(2);
    const auto partner =
        world.launch(actor.dice, actor.in_task, [&world, market, buys, dice = actor.dice.fork()] {
            Actor self(world, dice, true);
            self.pause_quietly();
            buys ? put_one(self, market) : get_one(self, market);
        });
    buys ? get_one(actor, market) : put_one(actor, market);
    actor.see_end(partner);
}

}  // namespace

void trade_item(Actor& actor) {
    World& world = actor.world;
    const auto at = static_cast<std::size_t>(actor.dice.between(0, 2));
    trade<std::size_t>(actor, {world.item_queues[at], world.items});
}

void trade_parcel(Actor& actor) {
    World& world = actor.world;
    const auto at = static_cast<std::size_t>(actor.dice.between(0, 2));
    trade<Parcel>(actor, {world.parcel_queues[at], world.parcels});
}

}  // namespace weft::storm
