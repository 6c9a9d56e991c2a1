#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <weft/connection.hpp>
#include <weft/lock.hpp>
#include <weft/queue.hpp>
#include <weft/run.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/stream.hpp>
#include <weft/task.hpp>
#include <weft/wait.hpp>

#include "support/runtime_fixture.hpp"

// Goal: a program that uses weft may start others at any time and from any thread; and where a child of fork() does
// not exec, it is told so, and its parent does not notice.

namespace weft::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// ---------------------------------------------------------------------------------------------
// Children

/// Waits for a child; what waitpid says.
int status_of(pid_t child) {
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

bool ended_well(int status) {
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

char** arguments_of(const std::vector<const char*>& words) {
    return const_cast<char**>(words.data());  // exec takes them so, and changes nothing
}

pid_t fork_and_exec(const std::vector<const char*>& words) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::execv(words[0], arguments_of(words));
        ::_exit(127);
    }
    return child;
}

pid_t spawn_program(const std::vector<const char*>& words) {
    pid_t child = -1;
    return ::posix_spawn(&child, words[0], nullptr, nullptr, arguments_of(words), environ) == 0
               ? child
               : -1;
}

/// A pipe's reading end and the text that comes out of it.
class Pipe {
public:
    Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        ::close(ends_[0]);
        close_writer();
    }

    [[nodiscard]] int writer() const { return ends_[1]; }
    std::string read_all() {
        close_writer();
        std::string text;
        std::array<char, 4096> piece;
        ssize_t count = 0;
        while ((count = ::read(ends_[0], piece.data(), piece.size())) > 0) {
            text.append(piece.data(), static_cast<std::size_t>(count));
        }
        return text;
    }

private:
    void close_writer() {
        if (ends_[1] >= 0) {
            ::close(std::exchange(ends_[1], -1));
        }
    }

    std::array<int, 2> ends_{-1, -1};
};

/// How many descriptors of the kinds that weft uses a program finds open when it starts.
int inherited_descriptors() {
    Pipe pipe;
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(pipe.writer(), STDOUT_FILENO);
        ::execl("/bin/ls", "ls", "-l", "/proc/self/fd", nullptr);
        ::_exit(127);
    }
    const std::string text = pipe.read_all();
    EXPECT_TRUE(ended_well(status_of(child)));
    int count = 0;
    for (const char* const kind : {"eventpoll", "eventfd", "socket:", "timerfd", "signalfd"}) {
        for (std::size_t at = text.find(kind); at != std::string::npos;
             at = text.find(kind, at + 1)) {
            ++count;
        }
    }
    return count;
}

// ---------------------------------------------------------------------------------------------
// What goes on in the parent

/// Loops that pass numbers through a queue, count under a lock, sleep, and talk over a connection, until
/// they are told to stop; and what must come out.
class Workload {
public:
    explicit Workload(Runtime& runtime) : runtime_(&runtime) {}

    void start() {
        work_.emplace(runtime_->spawn([this] { run(); }, "workload"));
        while (rounds_.load() < kTasks) {
            std::this_thread::yield();
        }
    }
    /// Lets each task do a good part of its work again, so that whoever is stuck is missed.
    void go_on_for_a_while() const {
        const long until = rounds_.load() + scaled(20'000);
        while (rounds_.load() < until) {
            std::this_thread::yield();
        }
    }
    void stop_and_check() {
        stop_ = true;
        work_->get();
        EXPECT_EQ(got_, put_);
        EXPECT_EQ(counted_, rounds_.load());
        EXPECT_GT(echoed_, 0);
    }

private:
    static constexpr int kTasks = 16;

    void run() {
        auto server = start_server(
            [](StreamReader reader, StreamWriter writer) {
                for (std::string line = reader.readline(); !line.empty();
                     line = reader.readline()) {
                    writer.write(line);
                    writer.drain();
                }
            },
            "127.0.0.1",
            0
        );
        auto talk = spawn([this, port = server.port()] {
            auto [reader, writer] = open_connection("127.0.0.1", port);
            while (!stop_) {
                writer.write("line\n");
                ASSERT_EQ(reader.readline(), "line\n");
                ++echoed_;
            }
        });
        std::vector<Task<void>> tasks;
        for (int i = 0; i < kTasks; ++i) {
            tasks.push_back(spawn([this, i] { one(i); }));
        }
        for (auto& task : tasks) {
            await(task);
        }
        await(talk);
        server.close();
    }
    void one(int number) {
        while (!stop_) {
            const int item = static_cast<int>(rounds_.fetch_add(1) % 1'000);
            put_ += item;
            queue_.put(item);
            {
                const std::lock_guard guard(lock_);
                ++counted_;
                yield();
            }
            got_ += queue_.get();
            if (item % 100 == number) {
                sleep(std::chrono::microseconds(50));
            }
        }
    }

    Runtime* runtime_;
    std::atomic<bool> stop_{false};
    std::atomic<long> rounds_{0};
    std::atomic<long> put_{0};
    std::atomic<long> got_{0};
    std::atomic<long> echoed_{0};
    long counted_ = 0;  // guarded by lock_
    Lock lock_;
    Queue<int> queue_;
    std::optional<Task<void>> work_;
};

RuntimeOptions loops(int workers) {
    RuntimeOptions options;
    options.workers = workers;
    options.pin = Pin::None;
    return options;
}

// Goal: the check below would find a descriptor that is inherited.
TEST(ChildProcess, CheckSeesAnInheritedDescriptor) {
    const int before = inherited_descriptors();
    const int planted = ::eventfd(0, 0);
    EXPECT_EQ(inherited_descriptors(), before + 1);
    ::close(planted);
}

TEST(ChildProcess, ExecUnderLoadInheritsNothing) {
    const int before = inherited_descriptors();
    Runtime runtime(loops(4));
    runtime.start();
    Workload workload(runtime);
    workload.start();
    std::atomic<int> children{0};
    std::atomic<int> failed{0};
    const auto end = steady_clock::now() + milliseconds(2'000);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&, i] {
            for (int round = 0; steady_clock::now() < end; ++round) {
                const std::vector<const char*> words{"/bin/true", nullptr};
                const pid_t child =
                    (round + i) % 2 == 0 ? fork_and_exec(words) : spawn_program(words);
                ++children;
                failed += child > 0 && ended_well(status_of(child)) ? 0 : 1;
                if (round % 16 == 0) {
                    EXPECT_EQ(inherited_descriptors(), before);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(failed, 0);
    EXPECT_GE(children, 3);
    RecordProperty("children", children);
    workload.go_on_for_a_while();
    workload.stop_and_check();
}

// ---------------------------------------------------------------------------------------------
// fork without exec

/// Runs `f` in a child of fork(), which ends with what it returns. What it says is appended to `said`.
int in_a_child(const std::function<int()>& f, std::string& said) {
    Pipe pipe;
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::signal(SIGABRT, SIG_DFL);
        ::dup2(pipe.writer(), STDERR_FILENO);
        ::alarm(30);  // a child that hangs is a failure, and must not outlive the test
        ::_exit(f());
    }
    said += pipe.read_all();
    return status_of(child);
}

template <class F>
bool is_refused(F&& f) {
    try {
        f();
    } catch (const RuntimeError& error) {
        return std::string(error.what()).find("belongs to the parent process") != std::string::npos;
    }
    return false;
}

TEST(ChildProcess, RuntimeIsRefusedInAForkedChild) {
    auto runtime = std::make_unique<Runtime>(loops(2));
    runtime->start();
    Workload workload(*runtime);
    workload.start();
    for (int i = 0; i < 10; ++i) {
        std::string said;
        const int status = in_a_child(
            [&] {
                const int refused =
                    (is_refused([&] { runtime->spawn([] {}); }) ? 0 : 1) |
                    (is_refused([&] { runtime->run([] {}); }) ? 0 : 2) |
                    (is_refused([&] { runtime->start(); }) ? 0 : 4) |
                    (is_refused([&] { runtime->shutdown(); }) ? 0 : 8) |
                    (is_refused([&] { runtime->loop(1).create_task([] {}); }) ? 0 : 16);
                runtime.reset();  // as at the end of a program
                return refused;
            },
            said
        );
        EXPECT_TRUE(ended_well(status)) << status << ' ' << said;
    }
    workload.go_on_for_a_while();
    workload.stop_and_check();
}

/// A child that a task forks, of which it does `f`; the parent waits for it there.
void fork_in_a_task(const std::function<void()>& f, int& status, std::string& said) {
    Runtime runtime(loops(2));
    runtime.start();
    Workload workload(runtime);
    workload.start();
    runtime
        .spawn(
            [&] {
                status = in_a_child(
                    [&] {
                        f();
                        return 0;
                    },
                    said
                );
            },
            "forker"
        )
        .get();
    workload.go_on_for_a_while();
    workload.stop_and_check();
}

TEST(ChildProcess, ATaskThatWaitsInAForkedChildEndsIt) {
    for (void (*const wait)() :
         {+[] { yield(); },
          +[] { sleep(milliseconds(1)); },
          +[] { await(spawn([] { yield(); }, "forker's child")); }}) {
        int status = 0;
        std::string said;
        fork_in_a_task(wait, status, said);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
        EXPECT_NE(said.find("a task waits in a child process of fork()"), std::string::npos)
            << said;
        EXPECT_NE(said.find("forker"), std::string::npos) << said;
    }
}

// Goal: a connection that the child closes is still watched in the parent. They share the epoll.
TEST(ChildProcess, ClosingInAForkedChildIsNoneInTheParent) {
    weft::run(
        [] {
            auto server = start_server(
                [](StreamReader reader, StreamWriter writer) {
                    for (std::string line = reader.readline(); !line.empty();
                         line = reader.readline()) {
                        writer.write(line);
                        writer.drain();
                    }
                },
                "127.0.0.1",
                0
            );
            auto connection = std::make_unique<std::pair<StreamReader, StreamWriter>>(
                open_connection("127.0.0.1", server.port())
            );
            std::string said;
            const int status = in_a_child(
                [&] {
                    connection->second.close();
                    connection.reset();
                    server.close();
                    return 0;
                },
                said
            );
            EXPECT_TRUE(ended_well(status)) << status << ' ' << said;
            for (int i = 0; i < 100; ++i) {
                connection->second.write("line\n");
                EXPECT_EQ(
                    wait_for(
                        [&] { return connection->first.readline(); }, std::chrono::seconds(10)
                    ),
                    "line\n"
                );
            }
            auto second = open_connection("127.0.0.1", server.port());
            second.second.write("line\n");
            EXPECT_EQ(second.first.readline(), "line\n");
        },
        loops(1)
    );
}

}  // namespace
}  // namespace weft::test
