#pragma once

#include <sys/types.h>

#include <vector>

namespace weft::storm {

/// Stops single threads of a child process and lets them go on, as if the system had taken their CPU
/// away at the worst moment.
///
/// Threads   one: the system knows a tracer by its thread.
class Freezer {
public:
    enum class Result { Frozen, Gone, Refused };

    /// Stops the thread; returns when it stands still. One at a time.
    [[nodiscard]] Result stop(pid_t thread) noexcept;
    /// Lets the thread that was stopped go on, with a signal if there was one.
    void let_go(int signal = 0) noexcept;

    /// When the child itself ended while its first thread was to be stopped, this has its status.
    [[nodiscard]] bool saw_exit() const noexcept { return saw_exit_; }
    [[nodiscard]] int exit_status() const noexcept { return exit_status_; }

    /// Has the system refuse ptrace to this process from now on, as a container may.
    static void refuse_from_now_on();

    explicit Freezer(pid_t child) noexcept : child_(child) {}

private:
    pid_t child_;
    pid_t stopped_ = 0;
    bool saw_exit_ = false;
    int exit_status_ = 0;
};

/// The threads that a process has at this moment.
[[nodiscard]] std::vector<pid_t> threads_of(pid_t process);

}  // namespace weft::storm
