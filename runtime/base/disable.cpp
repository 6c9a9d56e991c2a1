#include "base/disable.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "base/atomic.hpp"
#include "base/check.hpp"
#include "base/log.hpp"

namespace weft::rt {
namespace {

constexpr std::array<std::string_view, 8> kFacilities{
    "process_madvise", "madvise", "guard", "mprotect", "hugepage", "membarrier", "hwloc", "cgroup"};

bool is_known(std::string_view word) noexcept {
    return std::ranges::find(kFacilities, word) != kFacilities.end();
}

/// Takes the first word off the list.
std::string_view next_word(std::string_view& list) noexcept {
    const std::size_t comma = list.find(',');
    const std::string_view word = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    return word;
}

}  // namespace

std::string_view disabled_facilities() noexcept {
    // Read while a runtime starts; a program that calls setenv at that moment races with itself.
    const char* const value = std::getenv("WEFT_DISABLE");  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? "" : value;
}

bool lists(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        if (next_word(list) == word) {
            return true;
        }
    }
    return false;
}

bool is_disabled(std::string_view facility) noexcept {
    WEFT_CHECK(is_known(facility), "asked for a facility that WEFT_DISABLE does not know");
    return lists(disabled_facilities(), facility);
}

void warn_of_unknown_facilities() {
    static Atomic<bool> warned{false};
    std::string unknown;
    for (std::string_view list = disabled_facilities(); !list.empty();) {
        const std::string_view word = next_word(list);
        if (!word.empty() && !is_known(word)) {
            unknown.append(unknown.empty() ? "" : ",").append(word);
        }
    }
    if (unknown.empty() || warned.exchange(true, relaxed)) {
        return;
    }
    std::string text = "WEFT_DISABLE=" + unknown + " is ignored: expected";
    for (const std::string_view word : kFacilities) {
        text.append(word == kFacilities.front() ? " " : ", ").append(word);
    }
    log_warning(text);
}

}  // namespace weft::rt
