#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/context.hpp>
#include <weft/loop.hpp>
#include <weft/queue.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

std::string what_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        return exception.what();
    } catch (...) {
        return "something";
    }
}

// Goal: what a callback throws goes to the handler of its loop, on its thread, and not to the log.
TEST_P(OnEveryRuntime, ExceptionHandlerIsToldOfCallbacks) {
    const LogCapture log;
    run([] {
        Loop& loop = get_running_loop();
        Queue<std::string> told;
        loop.set_exception_handler([&](Loop& its, const ExceptionContext& context) {
            EXPECT_EQ(&its, &loop);
            EXPECT_EQ(&get_running_loop(), &loop);
            told.put_nowait(context.subject + ": " + what_of(context.exception));
        });
        loop.call_soon([] { throw std::runtime_error("one"); });
        EXPECT_EQ(told.get(), "a callback: one");
        loop.call_later(std::chrono::microseconds(1), [] { throw std::runtime_error("two"); });
        EXPECT_EQ(told.get(), "a callback: two");
        const Future<int> future;
        future.add_done_callback([](const Future<int>&) { throw std::runtime_error("three"); });
        future.set_result(1);
        EXPECT_EQ(told.get(), "a callback: three");
        loop.set_exception_handler({});
        EXPECT_FALSE(loop.get_exception_handler());
        loop.call_soon([] { throw std::runtime_error("four"); });
        yield();
    });
    EXPECT_EQ(log.count("one") + log.count("two") + log.count("three"), 0);
    EXPECT_EQ(log.count("four"), 1);
}

// Goal: an error that nobody looked at is told once, by name, in the context of the task.
TEST_P(OnEveryRuntime, ExceptionHandlerIsToldOfUnseenErrors) {
    static ContextVar<int> variable("variable", 0);
    expect_unseen(2);
    run([] {
        Queue<std::string> told;
        const auto handler = [&](Loop&, const ExceptionContext& context) {
            told.put_nowait(
                context.subject + " " + what_of(context.exception) + " " +
                std::to_string(variable.get())
            );
        };
        get_running_loop().runtime().set_exception_handler(handler);
        variable.set(3);
        create_task([]() -> void { throw std::runtime_error("lost"); }, "first");
        EXPECT_EQ(told.get(), "task 'first' lost 3");
        {
            const Future<int> future;
            future.set_exception(std::make_exception_ptr(std::runtime_error("mine")));
        }
        EXPECT_EQ(told.get().substr(0, 13), "a future mine");
        get_running_loop().runtime().set_exception_handler({});
    });
}

// Goal: a handler that throws, whatever it throws, kills nobody: its error and what it was called for
// are logged.
TEST_P(OnEveryRuntime, ExceptionHandlerThatThrows) {
    const LogCapture log;
    run([] {
        Loop& loop = get_running_loop();
        int calls = 0;
        loop.set_exception_handler([&](Loop&, const ExceptionContext&) {
            if (++calls == 1) {
                throw std::logic_error("from the handler");
            }
            throw 5;
        });
        loop.call_soon([] { throw std::runtime_error("first cause"); });
        loop.call_soon([] { throw std::runtime_error("second cause"); });
        while (calls < 2) {
            yield();
        }
        yield();
        loop.set_exception_handler({});
    });
    EXPECT_EQ(log.count("from the handler"), 1);
    EXPECT_EQ(log.count("first cause"), 1);
    EXPECT_EQ(log.count("second cause"), 1);
}

// Goal: an error found on another thread comes to the loop's; one found too late is logged.
TEST_P(OnEveryRuntime, ExceptionHandlerIsCalledOnItsLoop) {
    const LogCapture log;
    expect_unseen(2);
    std::optional<Future<int>> late;
    run([&] {
        Loop& loop = get_running_loop();
        Queue<int> told;
        loop.set_exception_handler([&](Loop&, const ExceptionContext&) {
            EXPECT_EQ(&get_running_loop(), &loop);
            told.put_nowait(1);
        });
        auto future = std::make_optional(loop.create_future<int>());
        future->set_exception(std::make_exception_ptr(std::runtime_error("elsewhere")));
        std::thread([&] { future.reset(); }).join();
        EXPECT_EQ(told.get(), 1);
        late = loop.create_future<int>();
        late->set_exception(std::make_exception_ptr(std::runtime_error("too late")));
    });
    late.reset();
    EXPECT_EQ(log.count("elsewhere"), 0);
    EXPECT_EQ(log.count("too late"), 1);
}

// Goal: an error on its way to a loop that is closed first is logged, once.
TEST(ExceptionHandlerTest, LoopIsClosedBeforeItIsTold) {
    const LogCapture log;
    expect_unseen(1);
    Loop loop;
    loop.set_exception_handler([](Loop&, const ExceptionContext&) { ADD_FAILURE(); });
    auto future = std::make_optional(loop.create_future<int>());
    future->set_exception(std::make_exception_ptr(std::runtime_error("on its way")));
    std::thread([&] { future.reset(); }).join();
    EXPECT_EQ(log.count("on its way"), 0);
    loop.close();
    EXPECT_EQ(log.count("on its way"), 1);
}

// Goal: call_exception_handler() is for libraries, too; without a handler it logs.
TEST_P(OnEveryRuntime, ExceptionHandlerMayBeCalled) {
    const LogCapture log;
    run([] {
        Loop& loop = get_running_loop();
        std::string told;
        loop.set_exception_handler([&](Loop& its, const ExceptionContext& context) {
            told = context.message;
            its.default_exception_handler(context);
        });
        loop.call_exception_handler({.message = "of my own"});
        EXPECT_EQ(told, "of my own");
        loop.set_exception_handler({});
        loop.call_exception_handler({.message = "without"});
    });
    EXPECT_EQ(log.count("of my own"), 1);
    EXPECT_EQ(log.count("without"), 1);
}

}  // namespace
}  // namespace weft::test
