#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#include <weft/detail/site.hpp>
#include <weft/loop.hpp>
#include <weft/metrics.hpp>
#include <weft/task.hpp>

namespace weft {

class ThreadPoolExecutor;

/// How loops are bound to CPUs.
enum class Pin {
    Auto,   ///< one core each when weft has the machine, else the CPUs of one cache
    Core,   ///< one CPU each
    Group,  ///< the CPUs behind one last-level cache
    Numa,   ///< the CPUs of one NUMA node
    None,   ///< wherever the kernel likes
};

/// What is done when all tasks of a runtime have waited for half a second, and no I/O, deadline, job of an
/// executor or look-up of a name can wake any: each task is named, what it waits for, and who waits for whom in
/// a circle. After a job that nobody awaits that may take up to a minute more. Some that wait for one another
/// while others go on are told of in debug mode only: Loop::set_debug().
///
/// Report and End cannot know whether a thread of the program is about to wake one: they are not for a runtime
/// that threads feed, through a Queue say. With them, and in debug mode, Lock, Semaphore, TaskGroup, gather(),
/// wait() and as_completed() of the whole process note who has them or is awaited, for good: some 100 ns and a
/// mutex of the process each time.
enum class OnDeadlock {
    Auto,  ///< Report, but only where no other thread of the program is left; who has a lock is not known
    Ignore,  ///< nothing
    Report,  ///< an error in the log
    End,     ///< Report, then std::abort()
};

/// What can be chosen about a runtime. The environment wins over a field that is left alone:
/// WEFT_WORKERS, WEFT_PIN (auto, core, group, numa, none), WEFT_CPUS ("0-3,6"), WEFT_DEBUG=1,
/// WEFT_HOP=1, WEFT_DEADLOCK (auto, ignore, report, end). WEFT_DISABLE refuses what weft can do without, a comma list of: process_madvise, madvise, guard (both),
/// mprotect, hwloc, cgroup. WEFT_POLICY="quantum=64,slot_streak=1" changes the scheduler's numbers, which
/// runtime/sched/policy.hpp lists; one that it does not know is answered with the list.
struct RuntimeOptions {
    /// How many loops; 0: min(CPUs of the affinity mask, cgroup quota rounded up), at least 1.
    int workers = 0;
    Pin pin = Pin::Auto;
    /// Usable bytes of a task's stack, up to 1 GiB; 0: 188 KiB. Only touched pages cost memory.
    std::size_t stack_bytes = 0;
    /// How long shutdown waits for cancelled tasks before it names them and gives them up.
    std::chrono::nanoseconds shutdown_timeout = std::chrono::seconds(10);
    /// How long shutdown waits after that for what the default executor's threads are doing.
    std::chrono::nanoseconds executor_shutdown_timeout = std::chrono::minutes(5);
    /// For the threads: "NAME/w0", and "NAME-exec-0" of the default executor.
    std::string name = "weft";
    /// Whether SIGINT cancels the task of run(), and a second one ends the process: on the main thread,
    /// and only where nobody has chosen something else for that signal.
    bool handle_sigint = true;
    /// Whether slow tasks and callbacks are named in the log, and tasks that wait for one another: see
    /// Loop::set_debug(), also for what that changes.
    bool debug = false;
    /// What is done when its tasks wait for one another and nothing else.
    OnDeadlock on_deadlock = OnDeadlock::Auto;
    /// Testing: moves stealable tasks to another loop at each suspension.
    bool hop = false;
    /// Testing: the loops' clock stands still while there is something to do, and jumps to the next
    /// deadline when all of them sleep. What threads, executors and sockets do takes no time.
    bool virtual_time = false;
};

/// N loops with a thread each, and the tasks that move between them.
///
/// A task that keeps its loop, in a blocking call or a long computation, keeps what is pinned to that loop,
/// its callbacks and timeouts included; stealable tasks there, those that wait for I/O or sleep too, go on
/// on loops that are free after 10 to 20 ms. A thread more, which sleeps while every loop does, sees to that
/// where there are several loops.
///
/// Nothing is taken from the program before the first run() or start(): no thread, no signal. From
/// then on SIGSEGV and SIGBUS are looked at, to name the task whose stack overflowed, and passed on
/// to whoever handled them before.
///
/// Threads   any, from outside its own loops where a function blocks.
/// asyncio   Runner; of several loops
class Runtime {
public:
    /// Errors    ValueError for a stack that is too large or fewer than 0 loops; std::system_error when the system refuses
    ///           a descriptor; std::bad_alloc.
    explicit Runtime(RuntimeOptions options = {});
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;
    /// Shuts down. Not from within one of its own tasks.
    ~Runtime();

    /// Runs `function` as a task of loop 0 and returns its result. Loop 0 runs on this thread,
    /// unless start() gave it one.
    ///
    /// Errors    what the task throws; KeyboardInterrupt when SIGINT has cancelled it; RuntimeError
    ///           on a thread that runs a loop, and after shutdown().
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
    template <class F, std::convertible_to<std::string> Name>
    auto spawn(F&& function, Name&& name, detail::Site site = detail::Site::current()) {
        return spawn(
            std::forward<F>(function), TaskOptions{.name = std::forward<Name>(name)}, site
        );
    }
    template <class F>
    auto spawn(F&& function, TaskOptions options = {}, detail::Site site = detail::Site::current())
        -> Task<std::invoke_result_t<std::decay_t<F>&>> {
        Loop& home = loop(0);
        const detail::Entry entry(*home.sink_, "spawn()");
        return Task<std::invoke_result_t<std::decay_t<F>&>>(
            detail::Ref<detail::FutureState>::adopt(detail::make_task(
                std::forward<F>(function),
                detail::TaskKind::Stealable,
                home.sink_,
                site,
                detail::choices_of(std::move(options))
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

    /// Returns the executor of to_thread(), made when it is first asked for. shutdown() ends it when
    /// the tasks have ended.
    ///
    /// Errors    RuntimeError after that; std::bad_alloc.
    /// Threads   any.
    /// asyncio   the default executor of a loop
    [[nodiscard]] ThreadPoolExecutor& default_executor();

    /// Gives every loop this exception handler.
    ///
    /// Threads   any; the handler may be called on several at once.
    /// asyncio   loop.set_exception_handler, of each loop
    void set_exception_handler(const ExceptionHandler& handler);

    /// Returns what the loops have counted. Costs the loops nothing.
    ///
    /// Threads   any.
    [[nodiscard]] Metrics metrics() const;

    /// Returns the tasks that have not ended, in the order in which they were made.
    ///
    /// Threads   any; tasks end and are made meanwhile.
    /// asyncio   all_tasks
    [[nodiscard]] std::vector<AnyTask> all_tasks() const;

    /// Returns a line for each task that has not ended: name, kind, state, what it waits for, where
    /// it was made.
    ///
    /// Threads   any; costs the tasks nothing.
    /// asyncio   Task.print_stack, of all
    [[nodiscard]] std::string dump_tasks() const;

private:
    friend class Loop;
    struct State;

    void check_can_run() const;
    void run_until_done(detail::FutureState& state);
    void drive_or_wait(detail::FutureState& state);
    void drive_until_done(detail::FutureState& state);

    std::unique_ptr<State> state_;
};

/// Returns the tasks of the runtime that runs here which have not ended, in the order in which they
/// were made; the caller's is one of them.
///
/// Suspends  never.
/// Errors    RuntimeError without a running loop; std::bad_alloc.
/// Threads   any that runs a loop; elsewhere see Runtime::all_tasks.
/// asyncio   all_tasks, of one loop
[[nodiscard]] std::vector<AnyTask> all_tasks();

/// Returns a line for each task of the process that has not ended.
[[nodiscard]] std::string dump_all_tasks();

}  // namespace weft
