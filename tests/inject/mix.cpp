#include "inject/mix.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weft/connection.hpp>
#include <weft/errors.hpp>
#include <weft/executor.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

#include "inject/control.hpp"
#include "inject/findings.hpp"
#include "inject/planted.hpp"

namespace weft::inject {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// Other bytes than were sent.
class Wrong : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Bytes that differ from place to place and from client to client.
std::string pattern(std::size_t size, std::uint32_t client) {
    std::string bytes(size, '\0');
    std::uint32_t state = client * 2'654'435'761U + 1;
    for (char& byte : bytes) {
        state = state * 1'664'525U + 1'013'904'223U;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

void expect_same(std::string_view got, std::string_view sent) {
    const auto [one, other] = std::mismatch(got.begin(), got.end(), sent.begin(), sent.end());
    if (one != got.end() || other != sent.end()) {
        throw Wrong(
            std::to_string(got.size()) + " bytes came back of " + std::to_string(sent.size()) +
            ", the same up to number " + std::to_string(one - got.begin())
        );
    }
}

void echo(StreamReader reader, StreamWriter writer) {
    if (slowness() > milliseconds(0)) {
        sleep(slowness());
    }
    std::vector<char> bytes(std::size_t{16} * 1024);
    while (const std::size_t count = reader.read_into(bytes)) {
        writer.write({bytes.data(), count});
        writer.drain();
    }
    writer.close();
    writer.wait_closed();
}

/// Sends so many bytes in each of the ways there are, reads them back, and the end after them.
void exchange(const std::string& host, int port, std::size_t size, std::uint32_t client) {
    const std::string sent = pattern(size, client);
    auto [reader, writer] = open_connection(host, port);
    const std::string_view all = sent;
    const std::size_t quarter = size / 4;
    writer.write(all.substr(0, quarter));
    const std::array<std::string_view, 3> pieces{
        all.substr(quarter, quarter), all.substr(2 * quarter, 1), all.substr(2 * quarter + 1)};
    writer.writelines(pieces);
    expect_same(reader.readexactly(static_cast<std::ptrdiff_t>(size)), sent);
    writer.drain();
    writer.write_eof();
    expect_same(reader.read(), "");
    writer.close();
    writer.wait_closed();
}

/// A connection on which a read is cancelled and that is used all the same.
void cancelled_read(int port) {
    auto [reader, writer] = open_connection("127.0.0.1", port);
    auto waits = create_task([&reader = reader] { static_cast<void>(reader.readexactly(5)); });
    yield();
    waits.cancel();
    waits.wait();
    if (!waits.cancelled()) {
        await(waits);  // throws what it ended with
        throw Wrong("a read ended by itself, and nothing had been sent");
    }
    writer.write("still");
    expect_same(reader.readexactly(5), "still");
}

void refused() {
    try {
        static_cast<void>(open_connection("127.0.0.1", 1));
    } catch (const OsError& error) {
        if (error.code().value() != ECONNREFUSED) {
            throw;
        }
        return;
    }
    throw Wrong("connected to a port where nobody listens");
}

void on_a_thread() {
    const int result = to_thread([] { return 7; });
    if (result != 7) {
        throw Wrong("a thread returned something else");
    }
}

void late() {
    if (move_on_after(milliseconds(2), [] { sleep(seconds(100)); })) {
        throw Wrong("a sleep of 100 s was over after 2 ms");
    }
    sleep(milliseconds(1));
}

/// Each of these many stands on a stack of its own at the same time.
void deep() {
    sleep(milliseconds(3));
}

/// The tasks of the mix: each step is one, so that they meet.
class Steps {
public:
    template <class F>
    void begin(std::string place, F step) {
        attempt(place, [&] {
            tasks_.push_back(spawn([place, step = std::move(step)] { run(place, step); }));
        });
    }
    void wait() const {
        for (const auto& task : tasks_) {
            attempt("a step", [&] { await(task); });
        }
    }

private:
    template <class F>
    static void run(const std::string& place, const F& step) {
        try {
            step();
        } catch (const Wrong& wrong) {
            tell("wrong", place, wrong.what());
        } catch (...) {
            tell("error", place, current_error());
        }
    }

    std::vector<Task<void>> tasks_;
};

std::optional<Server> listening() {
    std::optional<Server> server;
    const auto listen = [&server] {
        server = start_server(
            &echo, "127.0.0.1", 0, {.kind = HandlerKind::Stealable, .on_every_loop = true}
        );
    };
    if (!attempt("start_server", listen)) {
        attempt("start_server again", listen);
    }
    return server;
}

/// A whole exchange, now that nothing is injected any more.
void serve_again(int port) {
    const auto began = steady_clock::now();
    try {
        constexpr std::size_t kBytes = 60'000;
        timeout(seconds(4), [port] { exchange("127.0.0.1", port, kBytes, 99); });
    } catch (...) {
        tell("unserved", "-", current_error());
        return;
    }
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
    tell("served", "-", std::to_string(took.count()));
}

}  // namespace

bool run_mix(const std::function<void()>& first) {
    Steps steps;
    steps.begin("planted", first);
    steps.wait();
    const std::optional<Server> server = listening();
    if (!server) {
        return false;
    }
    const int port = server->port();
    constexpr std::array<std::size_t, 5> kSizes{10, 700, 5'000, 60'000, 400'000};
    std::uint32_t client = 0;
    for (const std::size_t size : kSizes) {
        ++client;
        steps.begin("client " + std::to_string(size), [=] {
            exchange("127.0.0.1", port, size, client);
        });
    }
    // In capitals, as weft itself knows the usual spelling.
    steps.begin("localhost", [=] { exchange("LOCALHOST", port, 100, 50); });
    steps.begin("cancelled read", [=] { cancelled_read(port); });
    steps.begin("refused", &refused);
    steps.begin("to_thread", &on_a_thread);
    steps.begin("late", &late);
    constexpr int kDeep = 12;
    for (int i = 0; i < kDeep; ++i) {
        steps.begin("deep", &deep);
    }
    steps.wait();
    const bool spent = injected() > 0;
    if (spent) {
        stop();
        serve_again(port);
    }
    attempt("close", [&] {
        server->close();
        timeout(seconds(4), [&] { server->wait_closed(); });
    });
    return spent;
}

}  // namespace weft::inject
