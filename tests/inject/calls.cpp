#include "inject/calls.hpp"

#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// WEFT_INJECT="read:EINTR:3,write:SHORT:1+,accept4:EMFILE:5..8,send:EAGAIN:%7": the call, what it
// does instead, and which of its occurrences: one, from one on, a range, every seventh.
// WEFT_INJECT_REPORT=1 prints at the end how often each was called and injected.

namespace weft::inject {
namespace {

constexpr auto kCalls = static_cast<std::size_t>(Call::kCount);
constexpr std::array<const char*, kCalls> kNames{
#define WEFT_INJECT_NAME(name) #name,
    WEFT_INJECT_CALLS(WEFT_INJECT_NAME)
#undef WEFT_INJECT_NAME
};

struct Rule {
    std::size_t call;
    Fault fault;
    long first;
    long last;
    long step;

    [[nodiscard]] bool applies_to(long occurrence) const noexcept {
        return occurrence >= first && occurrence <= last && (occurrence - first) % step == 0;
    }
};

// Read before main() and never changed: what is called earlier is not counted. Not destroyed, as
// threads may outlive main().
std::vector<Rule>& rules() noexcept {
    static auto* const all = new std::vector<Rule>;
    return *all;
}
std::atomic<bool> active{false};
std::array<std::atomic<long>, kCalls> called{};
std::array<std::atomic<long>, kCalls> injected{};

[[noreturn]] void misused(std::string_view text) {
    std::fprintf(
        stderr, "inject: what is WEFT_INJECT=%.*s?\n", static_cast<int>(text.size()), text.data()
    );
    ::_exit(2);
}

std::optional<Fault> fault_named(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, int>, 6> kResolver{
        {{"EAI_AGAIN", EAI_AGAIN},
         {"EAI_FAIL", EAI_FAIL},
         {"EAI_FAMILY", EAI_FAMILY},
         {"EAI_MEMORY", EAI_MEMORY},
         {"EAI_NONAME", EAI_NONAME},
         {"EAI_SYSTEM", EAI_SYSTEM}}};
    if (name == "SHORT") {
        return Fault{0, true};
    }
    for (const auto& [known, code] : kResolver) {
        if (known == name) {
            return Fault{code, false};
        }
    }
    constexpr int kMostErrors = 200;
    for (int error = 1; error < kMostErrors; ++error) {
        const char* const known = ::strerrorname_np(error);
        if (known != nullptr && known == name) {
            return Fault{error, false};
        }
    }
    return std::nullopt;
}

/// "3", "1+", "5..8", "%7".
bool read_occurrences(const std::string& text, Rule& rule) {
    char* end = nullptr;
    const bool every = text.starts_with('%');
    rule.first = std::strtol(text.c_str() + (every ? 1 : 0), &end, 10);
    rule.last = every ? std::numeric_limits<long>::max() : rule.first;
    rule.step = every ? rule.first : 1;
    if (std::string_view(end) == "+") {
        rule.last = std::numeric_limits<long>::max();
        ++end;
    } else if (std::string_view(end).starts_with("..")) {
        rule.last = std::strtol(end + 2, &end, 10);
    }
    return *end == '\0' && rule.first > 0 && rule.last >= rule.first;
}

Rule rule_of(const std::string& text) {
    const std::size_t colon = text.find(':');
    const std::size_t second = text.find(':', colon + 1);
    if (colon == std::string::npos || second == std::string::npos) {
        misused(text);
    }
    Rule rule{};
    while (rule.call < kCalls && text.substr(0, colon) != kNames[rule.call]) {
        ++rule.call;
    }
    const auto fault = fault_named(text.substr(colon + 1, second - colon - 1));
    if (rule.call == kCalls || !fault || !read_occurrences(text.substr(second + 1), rule)) {
        misused(text);
    }
    rule.fault = *fault;
    return rule;
}

[[gnu::constructor]] void read_environment() {
    std::string text;
    if (const char* const given = std::getenv("WEFT_INJECT"); given != nullptr) {
        text = given;
    }
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        rules().push_back(rule_of(text.substr(0, comma)));
        text = comma == std::string::npos ? "" : text.substr(comma + 1);
    }
    active.store(true);
}

[[gnu::destructor]] void report() {
    active.store(false);
    if (std::getenv("WEFT_INJECT_REPORT") == nullptr) {
        return;
    }
    for (std::size_t i = 0; i < kCalls; ++i) {
        std::fprintf(
            stderr,
            "inject: %s called %ld injected %ld\n",
            kNames[i],
            called[i].load(),
            injected[i].load()
        );
    }
}

}  // namespace

Fault next_fault(Call call) noexcept {
    if (!active.load()) {
        return {};
    }
    const auto index = static_cast<std::size_t>(call);
    const long occurrence = called[index].fetch_add(1) + 1;
    for (const Rule& rule : rules()) {
        if (rule.call == index && rule.applies_to(occurrence)) {
            injected[index].fetch_add(1);
            return rule.fault;
        }
    }
    return {};
}

void* next_definition(const char* name) noexcept {
    void* const found = ::dlsym(RTLD_NEXT, name);
    if (found == nullptr) {
        std::fprintf(stderr, "inject: this libc has no %s\n", name);
        ::_exit(2);
    }
    return found;
}

}  // namespace weft::inject

// What control.cpp looks up.
extern "C" {

void weft_inject_start() noexcept;
void weft_inject_stop() noexcept;
long weft_inject_injected() noexcept;

void weft_inject_start() noexcept {
    for (auto* const counts : {&weft::inject::called, &weft::inject::injected}) {
        for (auto& count : *counts) {
            count.store(0);
        }
    }
    weft::inject::active.store(true);
}

void weft_inject_stop() noexcept {
    weft::inject::active.store(false);
}

long weft_inject_injected() noexcept {
    long sum = 0;
    for (const auto& count : weft::inject::injected) {
        sum += count.load();
    }
    return sum;
}

}  // extern "C"
