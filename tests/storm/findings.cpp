#include "storm/findings.hpp"

#include <atomic>
#include <cstdio>
#include <string_view>

#include "base/log.hpp"

namespace weft::storm {
namespace {

std::atomic<std::size_t> count{0};

}  // namespace

void find(const std::string& what) {
    constexpr std::size_t kMostPrinted = 20;  // what comes after the first is often its doing
    if (count.fetch_add(1) < kMostPrinted) {
        std::fprintf(stderr, "storm: found: %s\n", what.c_str());
    }
}

std::size_t findings() noexcept {
    return count.load();
}

void find_what_is_logged() {
    rt::set_log_sink([](rt::LogLevel level, std::string_view text) {
        const bool as_meant = text.find("workers were asked for") != std::string_view::npos;
        if (level != rt::LogLevel::Info && !as_meant) {
            find("weft logged: " + std::string(text));
        }
    });
}

}  // namespace weft::storm
