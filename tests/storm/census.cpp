#include "storm/census.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <weft/runtime.hpp>

#include "storm/findings.hpp"
#include "task/report.hpp"

namespace weft::storm {
namespace {

namespace fs = std::filesystem;

/// An entry may vanish while we look.
std::size_t entries_of(const char* folder) {
    std::size_t count = 0;
    std::error_code gone;
    for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
        ++count;
    }
    return count;
}

std::string left_since(const Census& before) {
    const Census now = Census::now();
    std::string text;
    if (now.descriptors > before.descriptors) {
        text += std::to_string(now.descriptors - before.descriptors) + " descriptors ";
    }
    if (now.threads > before.threads) {
        text += std::to_string(now.threads - before.threads) + " threads ";
    }
    if (now.unseen_errors > before.unseen_errors) {
        text += std::to_string(now.unseen_errors - before.unseen_errors) + " errors unseen ";
    }
    if (const std::string tasks = dump_all_tasks(); !tasks.starts_with("0 tasks\n")) {
        text += tasks;
    }
    return text;
}

}  // namespace

Census Census::now() {
    return {entries_of("/proc/self/fd"), entries_of("/proc/self/task"), rt::unseen_errors()};
}

void find_leaks(const Census& before) {
    // A joined thread leaves /proc a moment later, a frozen one when it is let go.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    std::string left = left_since(before);
    while (!left.empty() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        left = left_since(before);
    }
    if (!left.empty()) {
        find("a round left behind: " + left);
    }
}

}  // namespace weft::storm
