#include <array>

#include "storm/actor.hpp"

namespace weft::storm {
namespace {

/// What a switch is made of: many, with nothing in between.
void yield_often(Actor& actor) {
    for (int left = actor.dice.between(1, 300); left > 0; --left) {
        weft::yield();
    }
}

void nap(Actor& actor) {
    weft::sleep(std::chrono::microseconds(actor.dice.between(0, actor.dice.one_in(20) ? 3000 : 200))
    );
}

using Operation = void (*)(Actor&);

// What a plain thread can do, too, comes first. What is here twice comes twice as often.
constexpr std::array<Operation, 17> kOperations{
    use_lock,
    use_permit,
    use_token,
    meet,
    meet,
    trade_item,
    trade_item,
    trade_parcel,
    duel,
    duel,
    cancel_sleeper,
    run_group,
    gather_some,
    yield_often,
    yield_often,
    yield_often,
    nap};
constexpr int kForThreads = 11;

}  // namespace

void act(Actor& actor) {
    const int most = actor.in_task ? static_cast<int>(kOperations.size()) : kForThreads;
    kOperations[static_cast<std::size_t>(actor.dice.between(0, most - 1))](actor);
    actor.world.progress();
    actor.world.board.totals.operations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace weft::storm
