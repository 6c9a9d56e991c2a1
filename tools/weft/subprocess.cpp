#include "subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <system_error>

#include "base/posix.hpp"

namespace weft::tool {
namespace {

using Clock = std::chrono::steady_clock;

void check(int error, const std::string& what) {
    if (error != 0) {
        throw std::system_error(error, std::system_category(), what);
    }
}

/// What the new process begins with: /dev/null to read, our pipe to write to, no signal blocked, and
/// SIGPIPE, which we ignore, as it was. A process group of its own lets us kill all of a pipeline.
class SpawnSetup {
public:
    explicit SpawnSetup(int output) {
        check(posix_spawn_file_actions_init(&files_), "posix_spawn");
        check(posix_spawnattr_init(&attributes_), "posix_spawn");
        check(
            posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0),
            "posix_spawn"
        );
        check(posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO), "posix_spawn");
        sigset_t none;
        sigset_t pipe;
        sigemptyset(&none);
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        check(posix_spawnattr_setsigmask(&attributes_, &none), "posix_spawn");
        check(posix_spawnattr_setsigdefault(&attributes_, &pipe), "posix_spawn");
        check(posix_spawnattr_setpgroup(&attributes_, 0), "posix_spawn");
        constexpr int kFlags =
            POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
        check(posix_spawnattr_setflags(&attributes_, kFlags), "posix_spawn");
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;
    ~SpawnSetup() {
        posix_spawnattr_destroy(&attributes_);
        posix_spawn_file_actions_destroy(&files_);
    }

    [[nodiscard]] pid_t spawn(const std::vector<std::string>& arguments) const {
        std::vector<char*> argv;
        for (const std::string& argument : arguments) {
            argv.push_back(const_cast<char*>(argument.c_str())
            );  // NOLINT: exec's type, not its doing
        }
        argv.push_back(nullptr);
        pid_t pid = 0;
        check(
            posix_spawnp(&pid, argv[0], &files_, &attributes_, argv.data(), environ),
            "cannot start " + arguments[0]
        );
        return pid;
    }

private:
    posix_spawn_file_actions_t files_{};
    posix_spawnattr_t attributes_{};
};

/// Waits until `fd` has something; false when the time is up first.
bool wait_readable(int fd, Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    return rt::retried(::poll, &entry, nfds_t{1}, static_cast<int>(std::max(left, 0L))) > 0;
}

/// A child that is killed, with its group, and reaped at the latest when this goes.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (!reaped_) {
            kill();
            static_cast<void>(reap());
        }
    }

    /// Not after reap(): the number may be somebody else's by then.
    void kill() const noexcept { ::kill(-pid_, SIGKILL); }

    /// Returns false when the time is up first.
    [[nodiscard]] bool wait_for_end(Clock::time_point until) const {
        // By its number: the header of glibc 2.36 declares pidfd_open() for C alone.
        const rt::UniqueFd end(static_cast<int>(rt::checked(::syscall, SYS_pidfd_open, pid_, 0U)));
        if (!end) {
            return true;  // a kernel without: then reap() waits as long as it takes
        }
        return wait_readable(end.get(), until);
    }

    /// Waits for its end and returns its exit code.
    int reap() noexcept {
        int status = 0;
        static_cast<void>(rt::retried(::waitpid, pid_, &status, 0));
        reaped_ = true;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

private:
    const pid_t pid_;
    bool reaped_ = false;
};

/// Reads `fd` to its end; false when the time is up first.
bool read_all(int fd, std::string& output, Clock::time_point until) {
    std::vector<char> chunk(64 * 1024);
    while (wait_readable(fd, until)) {
        const ssize_t count = rt::retried(::read, fd, chunk.data(), chunk.size());
        if (count <= 0) {
            return true;
        }
        output.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return false;
}

}  // namespace

Finished run_process(const std::vector<std::string>& arguments, std::chrono::milliseconds timeout) {
    const auto until = Clock::now() + timeout;
    std::array<int, 2> ends{};
    check(-rt::checked(::pipe2, ends.data(), O_CLOEXEC), "pipe2");
    const rt::UniqueFd output(ends[0]);
    rt::UniqueFd input(ends[1]);
    Child child(SpawnSetup(input.get()).spawn(arguments));
    input = rt::UniqueFd();  // the child's copy is the last one: reading ends with it

    Finished finished;
    // It may close its stdout long before it ends.
    finished.timed_out =
        !read_all(output.get(), finished.output, until) || !child.wait_for_end(until);
    if (finished.timed_out) {
        child.kill();
    }
    finished.exit_code = child.reap();
    return finished;
}

}  // namespace weft::tool
