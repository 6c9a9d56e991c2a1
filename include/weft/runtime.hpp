#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/detail/site.hpp>
#include <weft/loop.hpp>
#include <weft/metrics.hpp>
#include <weft/task.hpp>

namespace weft {

/// How loops are bound to CPUs.
enum class Pin {
    Auto,   ///< one core each when weft has the machine, else the CPUs of one cache
    Core,   ///< one CPU each
    Group,  ///< the CPUs behind one last-level cache
    Numa,   ///< the CPUs of one NUMA node
    None,   ///< wherever the kernel likes
};

/// What can be chosen about a runtime. The environment wins over a field that is left alone:
/// WEFT_WORKERS, WEFT_PIN (auto, core, group, numa, none), WEFT_CPUS ("0-3,6"), WEFT_HOP=1.
struct RuntimeOptions {
    /// How many loops; 0: min(CPUs of the affinity mask, cgroup quota rounded up), at least 1.
    int workers = 0;
    Pin pin = Pin::Auto;
    /// Usable bytes of a task's stack; 0: 188 KiB. Only touched pages cost memory.
    std::size_t stack_bytes = 0;
    /// How long shutdown waits for cancelled tasks before it names them and gives them up.
    std::chrono::nanoseconds shutdown_timeout = std::chrono::seconds(10);
    /// For the threads: "NAME/w0".
    std::string name = "weft";
    /// Testing: moves stealable tasks to another loop at each suspension.
    bool hop = false;
};

/// N loops with a thread each, and the tasks that move between them.
///
/// Nothing is taken from the program before the first run() or start(): no thread, no signal. From
/// then on SIGSEGV and SIGBUS are looked at, to name the task whose stack overflowed, and passed on
/// to whoever handled them before.
///
/// Threads   any, from outside its own loops where a function blocks.
/// asyncio   Runner; of several loops
class Runtime {
public:
    /// Errors    std::system_error when the system refuses a descriptor; std::bad_alloc.
    explicit Runtime(RuntimeOptions options = {});
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;
    /// Shuts down. Not from within one of its own tasks.
    ~Runtime();

    /// Runs `function` as a task of loop 0 and returns its result. Loop 0 runs on this thread,
    /// unless start() gave it one.
    ///
    /// Errors    what the task throws; RuntimeError on a thread that runs a loop.
    /// asyncio   Runner.run
    template <class F>
    auto run(F&& function, detail::Site site = detail::Site::current())
        -> std::invoke_result_t<std::decay_t<F>&> {
        check_can_run();
        auto task = loop(0).create_task(std::forward<F>(function), "main", site);
        run_until_done(*task.state());
        return task.take(true);
    }

    /// Gives every loop a thread of its own and returns. Again: nothing.
    ///
    /// Errors    std::system_error when the system refuses a thread.
    void start();

    /// Makes a stealable task.
    ///
    /// Errors    std::bad_alloc; RuntimeError after shutdown().
    /// Threads   any.
    template <class F>
    auto spawn(F&& function, std::string name = {}, detail::Site site = detail::Site::current())
        -> Task<std::invoke_result_t<std::decay_t<F>&>> {
        Loop& home = loop(0);
        const detail::Entry entry(*home.sink_, "spawn()");
        return Task<std::invoke_result_t<std::decay_t<F>&>>(
            detail::Ref<detail::FutureState>::adopt(detail::make_task(
                std::forward<F>(function),
                detail::TaskKind::Stealable,
                home.sink_,
                std::move(name),
                site
            ))
        );
    }

    /// Returns loop `index`, from 0.
    ///
    /// Errors    ValueError when there is no such loop.
    [[nodiscard]] Loop& loop(int index);
    /// Returns how many loops there are.
    [[nodiscard]] int workers() const noexcept;

    /// Cancels every task, waits for them, ends the threads. From its beginning on only the
    /// runtime's own tasks may make new ones, which are cancelled in their turn. Tasks that do not
    /// end in time are named in the log and left where they are. Again: nothing.
    ///
    /// Errors    RuntimeError from within one of its own tasks.
    /// Threads   any; a second caller waits for the first.
    /// asyncio   Runner.close
    void shutdown();

    /// Returns what the loops have counted. Costs the loops nothing.
    ///
    /// Threads   any.
    [[nodiscard]] Metrics metrics() const;

    /// Returns a line for each task that has not ended: name, kind, state, what it waits for, where
    /// it was made.
    ///
    /// Threads   any; costs the tasks nothing.
    /// asyncio   all_tasks, Task.print_stack
    [[nodiscard]] std::string dump_tasks() const;

private:
    friend class Loop;
    struct State;

    void check_can_run() const;
    void run_until_done(detail::FutureState& state);
    void drive_or_wait(detail::FutureState& state);
    void drive_until_done(detail::FutureState& state);
    [[nodiscard]] bool cancel_everything(std::chrono::steady_clock::time_point deadline);

    std::unique_ptr<State> state_;
};

/// Returns a line for each task of the process that has not ended.
[[nodiscard]] std::string dump_all_tasks();

}  // namespace weft
