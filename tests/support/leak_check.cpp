#include "support/leak_check.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <weft/runtime.hpp>

#include "task/report.hpp"

namespace weft::test {
namespace {

namespace fs = std::filesystem;

using Names = std::map<std::string, std::string>;  // the entry and what it is

std::atomic<std::uint64_t> unseen_expected{0};

struct Before {
    Holdings holdings;
    std::uint64_t unseen = 0;
};
Before before;

/// The entries of a folder of /proc, with what each links to.
Names entries_of(const char* folder, bool links) {
    Names names;
    std::error_code gone;  // an entry may vanish while we look
    for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
        std::error_code vanished;
        names[at->path().filename().string()] =
            links ? fs::read_symlink(at->path(), vanished).string() : std::string();
    }
    return names;
}

/// One descriptor less than seen: the folder itself is open while it is read.
Names open_descriptors() {
    Names names = entries_of("/proc/self/fd", true);
    std::erase_if(names, [](const auto& entry) {
        return entry.second.find("/fd") != std::string::npos &&
               entry.second.compare(0, 6, "/proc/") == 0;
    });
    return names;
}

std::string added(const Names& now, const Names& earlier) {
    std::string text;
    for (const auto& [name, target] : now) {
        const auto known = earlier.find(name);
        if (known == earlier.end() || known->second != target) {
            text += " " + name + (target.empty() ? "" : "=" + target);
        }
    }
    return text;
}

}  // namespace

Holdings Holdings::now() {
    Holdings holdings;
    holdings.descriptors_ = open_descriptors();
    holdings.threads_ = entries_of("/proc/self/task", false);
    holdings.tasks_ = dump_all_tasks();
    return holdings;
}

std::string Holdings::added_since(const Holdings& earlier) const {
    std::string text;
    if (tasks_.compare(0, 8, "0 tasks\n") != 0) {
        text += "tasks: " + tasks_;
    }
    if (descriptors_.size() > earlier.descriptors_.size()) {
        text += "descriptors:" + added(descriptors_, earlier.descriptors_) + "\n";
    }
    if (threads_.size() > earlier.threads_.size()) {
        text += "threads:" + added(threads_, earlier.threads_) + "\n";
    }
    return text;
}

void expect_unseen(std::uint64_t count) {
    unseen_expected.store(count);
}

void LeakCheck::OnTestStart(const ::testing::TestInfo&) {
    before = {Holdings::now(), rt::unseen_errors()};
    unseen_expected.store(0);
}

void LeakCheck::OnTestEnd(const ::testing::TestInfo& test) {
    if (test.result()->Skipped()) {
        return;
    }
    // A joined thread leaves /proc a moment later.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    std::string left = Holdings::now().added_since(before.holdings);
    while (!left.empty() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        left = Holdings::now().added_since(before.holdings);
    }
    if (!left.empty()) {
        ADD_FAILURE() << "the test left behind\n" << left;
    }
    EXPECT_EQ(rt::unseen_errors() - before.unseen, unseen_expected.load())
        << "errors that nobody looked at; see expect_unseen()";
}

}  // namespace weft::test
