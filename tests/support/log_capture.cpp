#include "support/log_capture.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace weft::test {
namespace {

// The sink is a plain function, so what it writes to is global.
std::mutex mutex;
std::condition_variable changed;
std::vector<std::string> captured;

bool contains(const std::string& line, std::string_view text) {
    return line.find(text) != std::string::npos;
}

void capture(rt::LogLevel level, std::string_view text) {
    const char* const name = level == rt::LogLevel::Error     ? "error: "
                             : level == rt::LogLevel::Warning ? "warning: "
                                                              : "info: ";
    const std::lock_guard lock(mutex);
    captured.push_back(name + std::string(text));
    changed.notify_all();
}

}  // namespace

LogCapture::LogCapture() {
    {
        const std::lock_guard lock(mutex);
        captured.clear();
    }
    rt::set_log_sink(&capture);
}

LogCapture::~LogCapture() {
    rt::set_log_sink(nullptr);
}

std::vector<std::string> LogCapture::lines() const {
    const std::lock_guard lock(mutex);
    return captured;
}

int LogCapture::count(std::string_view text) const {
    const std::lock_guard lock(mutex);
    return static_cast<int>(std::count_if(
        captured.begin(),
        captured.end(),
        [&](const std::string& line) { return contains(line, text); }
    ));
}

std::string LogCapture::wait_for(std::string_view text) const {
    std::unique_lock lock(mutex);
    for (;;) {
        for (const std::string& line : captured) {
            if (contains(line, text)) {
                return line;
            }
        }
        changed.wait(lock);
    }
}

}  // namespace weft::test
