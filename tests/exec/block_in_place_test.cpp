#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <weft/context.hpp>
#include <weft/executor.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

/// What blocks a thread until it is opened.
class Gate {
public:
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        opened_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        opened_.wait(lock, [this] { return open_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool open_ = false;
};

// Goal: while a task blocks, its loop goes on, with pinned tasks and with stealable ones: here one of
// them is what it waits for.
TEST_P(OnEveryRuntime, BlockInPlaceLeavesTheLoopFree) {
    run([] {
        Gate gate;
        auto opener = create_task([&] {
            await(spawn([] { yield(); }));
            gate.open();
        });
        const auto result = block_in_place([&] {
            gate.wait();
            return std::make_unique<int>(4);
        });
        EXPECT_EQ(*result, 4);
        EXPECT_TRUE(opener.done());
    });
}

// Goal: it is the task's own context, its errors come out, and a cancellation waits.
TEST_P(OnEveryRuntime, BlockInPlaceIsTheTask) {
    static ContextVar<int> variable("variable", 0);
    run([] {
        block_in_place([] { variable.set(3); });
        EXPECT_EQ(variable.get(), 3);
        EXPECT_THROW(
            block_in_place([]() -> void { throw std::logic_error("no"); }), std::logic_error
        );

        Gate gate;
        bool whole = false;
        auto task = spawn([&] {
            block_in_place([&] { gate.wait(); });
            whole = true;
            yield();
            ADD_FAILURE() << "the cancellation was lost";
        });
        while (dump_all_tasks().find("waiting: future") == std::string::npos) {
            yield();
        }
        task.cancel();
        yield();
        EXPECT_FALSE(task.done());
        gate.open();
        EXPECT_THROW(await(task), CancelledError);
        EXPECT_TRUE(whole);
    });
}

// Goal: on a plain thread it is a call; a callback is told that it cannot wait.
TEST_P(OnEveryRuntime, BlockInPlaceElsewhere) {
    const auto id = std::this_thread::get_id();
    EXPECT_EQ(block_in_place([] { return std::this_thread::get_id(); }), id);
    run([] {
        const Future<bool> refused;
        get_running_loop().call_soon([&] {
            try {
                block_in_place([] {});
                refused.set_result(false);
            } catch (const RuntimeError&) {
                refused.set_result(true);
            }
        });
        EXPECT_TRUE(await(refused));
    });
}

}  // namespace
}  // namespace weft::test
