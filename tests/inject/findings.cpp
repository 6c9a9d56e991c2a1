#include "inject/findings.hpp"

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <weft/runtime.hpp>

#include "task/report.hpp"

namespace weft::inject {
namespace {

int entries(const char* folder) {
    std::error_code gone;
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder, gone), {}));
}

/// Empty when nothing is.
std::string left(const Holdings& before) {
    const Holdings now = holdings();
    std::string text;
    if (now.descriptors != before.descriptors) {
        text += std::to_string(now.descriptors - before.descriptors) + " descriptors; ";
    }
    if (now.threads != before.threads) {
        text += std::to_string(now.threads - before.threads) + " threads; ";
    }
    if (const std::string tasks = dump_all_tasks(); !tasks.starts_with("0 tasks\n")) {
        text += tasks;
    }
    return text;
}

}  // namespace

void tell(std::string_view kind, std::string_view place, std::string_view text) {
    std::string line(text);
    for (char& letter : line) {
        letter = letter == '\n' ? '|' : letter;
    }
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    std::printf(
        "%.*s\t%.*s\t%s\n",
        static_cast<int>(kind.size()),
        kind.data(),
        static_cast<int>(place.size()),
        place.data(),
        line.c_str()
    );
    std::fflush(stdout);  // the next thing may be a crash
}

std::string current_error() {
    return rt::describe(std::current_exception());
}

Holdings holdings() {
    return {entries("/proc/self/fd"), entries("/proc/self/task")};
}

void tell_what_is_left(const Holdings& before) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    std::string text = left(before);
    while (!text.empty() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        text = left(before);
    }
    if (!text.empty()) {
        tell("left", "-", text);
    }
}

}  // namespace weft::inject
