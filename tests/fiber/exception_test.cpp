#include <cxxabi.h>
#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/exception_state.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

/// What the innermost catch block of the caller has: its what(), or "none".
std::string in_flight() {
    const std::exception_ptr current = std::current_exception();
    if (current == nullptr) {
        return "none";
    }
    try {
        std::rethrow_exception(current);
    } catch (const std::exception& error) {
        return error.what();
    }
}

/// Waits when it is destroyed, and keeps what it saw of exceptions on the way.
struct WaitsWhenDestroyed {
    int& before;
    int& after;
    ~WaitsWhenDestroyed() {
        before = std::uncaught_exceptions();
        yield();
        yield();
        after = std::uncaught_exceptions();
    }
};

/// Suspends in a catch block of its own until `end`, and says whether it saw its own exception and
/// no other each time.
bool keeps_its_own(const std::string& name, const bool& end) {
    bool right = in_flight() == "none" && std::uncaught_exceptions() == 0;
    try {
        throw std::runtime_error(name);
    } catch (const std::runtime_error& error) {
        const std::exception_ptr own = std::current_exception();
        while (!end) {
            yield();
            right = right && in_flight() == name && std::current_exception() == own &&
                    error.what() == name && std::uncaught_exceptions() == 0;
        }
    }
    return right && in_flight() == "none";
}

// Goal: tasks that wait in catch blocks see their own exception when they go on, and only that.
TEST_P(OnEveryRuntime, ExceptionsInFlightStayWithTheirTask) {
    run([] {
        bool end = false;
        std::vector<Task<bool>> tasks;
        for (int i = 0; i < 8; ++i) {
            // All on this loop: `end` is nobody else's.
            tasks.push_back(create_task([i, &end] {
                return keeps_its_own("error " + std::to_string(i), end);
            }));
        }
        for (int i = 0; i < 20; ++i) {
            yield();
            EXPECT_EQ(in_flight(), "none");
        }
        end = true;
        for (const auto& task : tasks) {
            EXPECT_TRUE(await(task));
        }
    });
}

// Goal: `throw;` after a migration throws what was caught before it.
TEST_P(OnEveryRuntime, ExceptionIsRethrownAfterASuspension) {
    run([] {
        auto task = spawn([] {
            try {
                try {
                    throw std::runtime_error("outer");
                } catch (...) {
                    yield();
                    try {
                        throw std::logic_error("inner");
                    } catch (...) {
                        yield();
                        EXPECT_EQ(in_flight(), "inner");
                    }
                    EXPECT_EQ(in_flight(), "outer");
                    yield();
                    throw;
                }
            } catch (const std::runtime_error& error) {
                yield();
                return std::string(error.what());
            }
            return std::string();
        });
        EXPECT_EQ(await(task), "outer");
    });
}

// Goal: a destructor that waits knows that an exception is passing; nobody else sees one.
TEST_P(OnEveryRuntime, ExceptionPassesADestructorThatWaits) {
    run([] {
        int before = -1;
        int after = -1;
        auto unwinding = spawn([&] {
            try {
                const WaitsWhenDestroyed waits{before, after};
                throw std::runtime_error("X");
            } catch (const std::runtime_error&) {
                return std::uncaught_exceptions();
            }
        });
        std::vector<Task<bool>> bystanders;
        for (int i = 0; i < 4; ++i) {
            bystanders.push_back(spawn([] {
                bool clean = true;
                for (int k = 0; k < 10; ++k) {
                    clean = clean && std::uncaught_exceptions() == 0 && in_flight() == "none";
                    yield();
                }
                return clean;
            }));
        }
        EXPECT_EQ(await(unwinding), 0);
        EXPECT_EQ(before, 1);
        EXPECT_EQ(after, 1);
        for (const auto& bystander : bystanders) {
            EXPECT_TRUE(await(bystander));
        }
    });
}

// Goal: a callback runs on the thread of a task that waits in a catch block, and sees nothing of
// it.
TEST_P(OnEveryRuntime, ExceptionOfATaskIsNotSeenByCallbacks) {
    run([] {
        std::string seen_by_callback;
        std::string seen_by_done;
        int before = 0;
        int uncaught = -1;
        try {
            throw std::runtime_error("X");
        } catch (...) {
            get_running_loop().call_soon([&] { seen_by_callback = in_flight(); });
            auto done = create_task([] {});
            done.add_done_callback([&](const Future<void>&) { seen_by_done = in_flight(); });
            await(done);
            yield();
            yield();
            EXPECT_EQ(in_flight(), "X");
        }
        EXPECT_EQ(seen_by_callback, "none");
        EXPECT_EQ(seen_by_done, "none");
        try {
            int ignored = 0;
            const WaitsWhenDestroyed waits{before, ignored};
            get_running_loop().call_soon([&] { uncaught = std::uncaught_exceptions(); });
            throw std::runtime_error("Y");
        } catch (const std::runtime_error&) {
        }
        EXPECT_EQ(before, 1);
        EXPECT_EQ(uncaught, 0);
    });
}

// Goal: a child starts with nothing in flight and leaves nothing, wherever it runs: in its parent's
// place, with a suspension or without, ending by a result or by an exception.
TEST_P(OnEveryRuntime, ExceptionsOfParentAndChildAreApart) {
    run([] {
        auto parent = spawn([] {
            for (const bool waits : {false, true}) {
                for (const bool throws : {false, true}) {
                    try {
                        throw std::runtime_error("parent's");
                    } catch (const std::runtime_error&) {
                        auto child = spawn([=] {
                            EXPECT_EQ(in_flight(), "none");
                            EXPECT_EQ(std::uncaught_exceptions(), 0);
                            try {
                                throw std::logic_error("child's");
                            } catch (const std::logic_error&) {
                                if (waits) {
                                    yield();
                                }
                                EXPECT_EQ(in_flight(), "child's");
                                if (throws) {
                                    throw;
                                }
                            }
                        });
                        if (throws) {
                            EXPECT_THROW(await(child), std::logic_error);
                        } else {
                            await(child);
                        }
                        EXPECT_EQ(in_flight(), "parent's");
                        EXPECT_EQ(std::uncaught_exceptions(), 0);
                    }
                    EXPECT_EQ(in_flight(), "none");
                }
            }
        });
        await(parent);
    });
}

// Goal: the same from a destructor while an exception passes.
TEST_P(OnEveryRuntime, ExceptionPassesADestructorThatAwaitsAChild) {
    struct AwaitsWhenDestroyed {
        bool waits;
        ~AwaitsWhenDestroyed() {
            await(spawn([waits = waits] {
                EXPECT_EQ(std::uncaught_exceptions(), 0);
                try {
                    throw std::logic_error("child's");
                } catch (const std::logic_error&) {
                    if (waits) {
                        yield();
                    }
                }
            }));
            EXPECT_EQ(std::uncaught_exceptions(), 1);
        }
    };
    run([] {
        await(spawn([] {
            for (const bool waits : {false, true}) {
                EXPECT_THROW(
                    {
                        const AwaitsWhenDestroyed awaits{waits};
                        throw std::runtime_error("parent's");
                    },
                    std::runtime_error
                );
                EXPECT_EQ(std::uncaught_exceptions(), 0);
            }
        }));
    });
}

// Goal: one exception object may be in flight in several tasks of several threads.
TEST_P(OnEveryRuntime, ExceptionIsSharedByAllWhoAwait) {
    run([] {
        auto failing = spawn([] {
            yield();
            throw std::runtime_error("shared");
        });
        std::vector<Task<std::exception_ptr>> waiting;
        for (int i = 0; i < 8; ++i) {
            waiting.push_back(spawn([&failing] {
                try {
                    await(failing);
                } catch (const std::runtime_error& error) {
                    for (int k = 0; k < 10; ++k) {
                        yield();
                        EXPECT_STREQ(error.what(), "shared");
                    }
                    return std::current_exception();
                }
                return std::exception_ptr();
            }));
        }
        for (const auto& task : waiting) {
            const std::exception_ptr seen = await(task);
            EXPECT_EQ(seen, failing.exception());
        }
    });
}

// Goal: what is in flight on a thread that calls run() is not the tasks', and is back afterwards.
TEST_P(OnEveryRuntime, ExceptionOfThePlainThreadIsBackAfterRun) {
    try {
        throw std::runtime_error("the thread's");
    } catch (const std::runtime_error&) {
        run([] {
            EXPECT_EQ(in_flight(), "none");
            yield();
            EXPECT_EQ(in_flight(), "none");
        });
        EXPECT_EQ(in_flight(), "the thread's");
    }
}

/// The state of this thread, with no help of weft.
[[gnu::noinline]] rt::ExceptionState& raw_state() {
    auto* state = reinterpret_cast<rt::ExceptionState*>(abi::__cxa_get_globals());
    asm volatile("" : "+r"(state) : : "memory");
    return *state;
}

// Goal: the checks of this file would see a suspension that does not swap. What the next thread
// would have is put there by hand.
TEST(ExceptionStateTest, ChecksSeeAMissingSwap) {
    weft::run([] {
        try {
            throw std::runtime_error("X");
        } catch (const std::runtime_error&) {
            const rt::ExceptionState own = raw_state();
            EXPECT_TRUE(own.in_use());
            raw_state() = {};
            EXPECT_EQ(in_flight(), "none");
            raw_state() = {nullptr, 1};
            EXPECT_EQ(std::uncaught_exceptions(), 1);
            raw_state() = own;
            EXPECT_EQ(in_flight(), "X");
        }
    });
}

TEST(ExceptionStateTest, IsTheThreadsOwn) {
    EXPECT_EQ(rt::exception_state_of_thread(), &raw_state());
    EXPECT_FALSE(rt::exception_state_of_thread()->in_use());
    try {
        throw 1;
    } catch (int) {
        EXPECT_TRUE(rt::exception_state_of_thread()->in_use());
        EXPECT_EQ(rt::exception_state_of_thread()->uncaught, 0U);
    }
}

}  // namespace
}  // namespace weft::test
