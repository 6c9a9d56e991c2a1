#include "subprocess.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <system_error>

namespace weft::tool {
namespace {

using namespace std::chrono_literals;

constexpr auto kLong = 60s;

Finished shell(const std::string& script, std::chrono::milliseconds timeout = kLong) {
    return run_process({"/bin/sh", "-c", script}, timeout);
}

/// None left: neither running nor waiting to be reaped.
void expect_no_child() {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST(Subprocess, OutputAndExitCode) {
    const Finished finished = shell("echo one; echo two; exit 3");
    EXPECT_EQ(finished.output, "one\ntwo\n");
    EXPECT_EQ(finished.exit_code, 3);
    EXPECT_FALSE(finished.timed_out);
    expect_no_child();
}

TEST(Subprocess, MoreOutputThanAPipeHolds) {
    const Finished finished = shell("head -c 1000000 /dev/zero");
    EXPECT_EQ(finished.output.size(), 1'000'000U);
    EXPECT_EQ(finished.exit_code, 0);
}

TEST(Subprocess, ItsInputIsEmpty) {
    EXPECT_EQ(shell("cat; echo end").output, "end\n");
}

TEST(Subprocess, ASignalIsACodeAbove128) {
    EXPECT_EQ(shell("kill -TERM $$").exit_code, 128 + SIGTERM);
    expect_no_child();
}

TEST(Subprocess, SigpipeIsWhatItAlwaysWas) {
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(shell("kill -PIPE $$; echo ignored").exit_code, 128 + SIGPIPE);
    std::signal(SIGPIPE, before);
}

TEST(Subprocess, KilledAndReapedWhenTheTimeIsUp) {
    const Finished finished = shell("echo begun; sleep 1000 | sleep 1000", 100ms);
    EXPECT_TRUE(finished.timed_out);
    EXPECT_EQ(finished.exit_code, 128 + SIGKILL);
    expect_no_child();
}

TEST(Subprocess, KilledAlsoAfterItClosedItsOutput) {
    const Finished finished = shell("exec >/dev/null; sleep 1000", 100ms);
    EXPECT_TRUE(finished.timed_out);
    expect_no_child();
}

TEST(Subprocess, NoSuchProgram) {
    EXPECT_THROW(
        static_cast<void>(run_process({"/nonexistent/program"}, kLong)), std::system_error
    );
    expect_no_child();
}

}  // namespace
}  // namespace weft::tool
