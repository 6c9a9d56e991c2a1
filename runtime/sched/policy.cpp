#include "sched/policy.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "sched/environment.hpp"

namespace weft::rt {
namespace {

struct Knob {
    std::string_view name;
    int Policy::*value;
    int min;
    int max;
};

constexpr int kSecond = 1'000'000;  // us

constexpr std::array<Knob, 13> kKnobs{{
    {"quantum", &Policy::quantum, 1, 1'000'000},
    {"runs_per_turn", &Policy::runs_per_turn, 0, 1'000'000},
    {"poll_every_us", &Policy::poll_every_us, 0, kSecond},
    {"slot_streak", &Policy::slot_streak, 0, 1'000'000},
    {"slot_hesitation_us", &Policy::slot_hesitation_us, 0, kSecond},
    {"slot_pass_every_us", &Policy::slot_pass_every_us, 1, kSecond},
    {"public_at_least", &Policy::public_at_least, 1, 256},
    {"public_at_most", &Policy::public_at_most, 1, 256},
    {"shortest_nap_us", &Policy::shortest_nap_us, 1, kSecond},
    {"longest_nap_us", &Policy::longest_nap_us, 1, kSecond},
    {"spin_us", &Policy::spin_us, 0, kSecond},
    {"rescue_every_us", &Policy::rescue_every_us, 100, kSecond},
    {"stuck_after_us", &Policy::stuck_after_us, 100, kSecond},
}};

std::string names() {
    std::string text;
    for (const Knob& knob : kKnobs) {
        text.append(text.empty() ? "" : ", ").append(knob.name);
    }
    return text;
}

void set(Policy& policy, std::string_view part) {
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    const auto* const knob = std::find_if(kKnobs.begin(), kKnobs.end(), [name](const Knob& each) {
        return each.name == name;
    });
    if (knob == kKnobs.end()) {
        warn_ignored("WEFT_POLICY", part, "name=number, the name one of " + names());
        return;
    }
    const std::string_view text = part.substr(std::min(equals + 1, part.size()));
    const std::optional<int> value = parse_number(text, knob->min, knob->max);
    if (!value) {
        warn_ignored(
            "WEFT_POLICY",
            part,
            std::string(name) + "=N, with N from " + std::to_string(knob->min) + " to " +
                std::to_string(knob->max)
        );
        return;
    }
    policy.*(knob->value) = *value;
}

}  // namespace

Policy Policy::from_environment() {
    Policy policy;
    if (const std::optional<std::string> text = environment("WEFT_POLICY")) {
        for_each_field(*text, ',', [&policy](std::string_view part) { set(policy, part); });
    }
    policy.public_at_most = std::max(policy.public_at_most, policy.public_at_least);
    policy.longest_nap_us = std::max(policy.longest_nap_us, policy.shortest_nap_us);
    return policy;
}

}  // namespace weft::rt
