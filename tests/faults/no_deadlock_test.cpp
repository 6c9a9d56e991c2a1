#include <gtest/gtest.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <ostream>
#include <thread>
#include <weft/connection.hpp>
#include <weft/event.hpp>
#include <weft/executor.hpp>
#include <weft/queue.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

#include "faults/deadlock.hpp"
#include "support/runtime_fixture.hpp"

// Goal: nobody is called a deadlock whom a deadline, a descriptor, a job or another thread may still wake.

namespace weft::test {
namespace {

using namespace std::chrono_literals;

std::atomic<bool> slow_look_up{false};

struct Alive {
    const char* name;
    void (*run)();
};
void PrintTo(const Alive& alive, std::ostream* out) {
    *out << alive.name;
}

const Alive kAlive[] = {
    {"a_task_sleeps",
     [] {
         Event event;
         const auto setter = create_task([&] {
             sleep(kLongEnough);
             event.set();
         });
         event.wait();
     }},
    {"a_callback_is_due",
     [] {
         Event event;
         get_running_loop().call_later(kLongEnough, [&] { event.set(); });
         event.wait();
     }},
    {"a_callback_is_due_on_another_loop",
     [] {
         Event event;
         Loop& other = get_running_loop().runtime().loop(1);
         other.call_soon_threadsafe([&] { other.call_later(kLongEnough, [&] { event.set(); }); });
         event.wait();
     }},
    {"a_timeout_is_armed",
     [] { EXPECT_THROW(timeout(kLongEnough, [] { Event().wait(); }), TimeoutError); }},
    {"a_job_runs",
     [] {
         const Future<void> done;
         auto job = run_in_executor(nullptr, [&] {
             std::this_thread::sleep_for(kLongEnough);
             done.set_result();
         });
         await(done);
         await(job);
     }},
    {"a_server_listens",
     [] {
         Event event;
         const auto server = start_server(
             [&](const StreamReader&, const StreamWriter&) { event.set(); }, "127.0.0.1", 0
         );
         std::thread client([&] {
             std::this_thread::sleep_for(kLongEnough);
             weft::run(
                 [&] { static_cast<void>(open_connection("127.0.0.1", server.port())); },
                 options_of(1, OnDeadlock::Ignore)
             );
         });
         event.wait();
         to_thread([&] { client.join(); });
     }},
    // Others sleep for long, one only between two requests.
    {"a_loop_works_for_outside",
     [] {
         Runtime& runtime = get_running_loop().runtime();
         Queue<int> queue;
         const auto consumer = runtime.loop(1).create_task([&] {
             while (queue.get() != 0) {
             }
         });
         std::thread outside([&] {
             const auto end = std::chrono::steady_clock::now() + kLongEnough;
             while (std::chrono::steady_clock::now() < end) {
                 queue.put(1);
                 std::this_thread::sleep_for(20ms);  // longer than a look takes
             }
             queue.put(0);
         });
         await(consumer);
         outside.join();
     }},
    {"a_name_is_looked_up",
     [] {
         slow_look_up = true;
         EXPECT_THROW(static_cast<void>(open_connection("no-such-host.invalid", 80)), OsError);
         slow_look_up = false;
     }},
    {"a_task_keeps_its_loop",
     [] {
         Event event;
         const auto keeper = get_running_loop().runtime().loop(1).create_task([&] {
             std::this_thread::sleep_for(kLongEnough);
             event.set();
         });
         event.wait();
     }},
};

class Alivedness : public ::testing::TestWithParam<Alive> {};

TEST_P(Alivedness, IsNoDeadlock) {
    const LogCapture log;
    weft::run(GetParam().run, options_of(2, OnDeadlock::Report));
    EXPECT_EQ(log.count("deadlock"), 0);
}

INSTANTIATE_TEST_SUITE_P(Each, Alivedness, ::testing::ValuesIn(kAlive), [](const auto& each) {
    return each.param.name;
});

}  // namespace

/// For the getaddrinfo() below.
void look_up_slowly() {
    if (slow_look_up) {
        std::this_thread::sleep_for(kLongEnough);
    }
}

}  // namespace weft::test

/// In place of libc's: no name is known, and it takes time to find that out.
extern "C" int getaddrinfo(
    const char* /*node*/, const char* /*service*/, const addrinfo* /*hints*/, addrinfo** /*result*/
) {
    weft::test::look_up_slowly();
    return EAI_NONAME;
}
