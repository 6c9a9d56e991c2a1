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
    Names descriptors;
    Names threads;
    std::uint64_t unseen = 0;
};
Before before;

/// The entries of a folder of /proc, with what each links to or is called.
Names entries_of(const char* folder) {
    Names names;
    std::error_code gone;  // an entry may vanish while we look
    for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
        std::error_code not_a_link;
        names[at->path().filename().string()] = fs::read_symlink(at->path(), not_a_link).string();
    }
    return names;
}

/// One descriptor less than seen: the folder itself is open while it is read.
Names open_descriptors() {
    Names names = entries_of("/proc/self/fd");
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

/// What the test has left so far; empty when nothing.
std::string left_behind() {
    std::string text;
    if (const std::string tasks = dump_all_tasks(); tasks.compare(0, 8, "0 tasks\n") != 0) {
        text += "tasks: " + tasks;
    }
    if (const Names now = open_descriptors(); now.size() > before.descriptors.size()) {
        text += "descriptors:" + added(now, before.descriptors) + "\n";
    }
    if (const Names now = entries_of("/proc/self/task"); now.size() > before.threads.size()) {
        text += "threads:" + added(now, before.threads) + "\n";
    }
    return text;
}

}  // namespace

void expect_unseen(std::uint64_t count) {
    unseen_expected.store(count);
}

void LeakCheck::OnTestStart(const ::testing::TestInfo&) {
    before = {open_descriptors(), entries_of("/proc/self/task"), rt::unseen_errors()};
    unseen_expected.store(0);
}

void LeakCheck::OnTestEnd(const ::testing::TestInfo& test) {
    if (test.result()->Skipped()) {
        return;
    }
    // A joined thread leaves /proc a moment later.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    std::string left = left_behind();
    while (!left.empty() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        left = left_behind();
    }
    if (!left.empty()) {
        ADD_FAILURE() << "the test left behind\n" << left;
    }
    EXPECT_EQ(rt::unseen_errors() - before.unseen, unseen_expected.load())
        << "errors that nobody looked at; see expect_unseen()";
}

}  // namespace weft::test
