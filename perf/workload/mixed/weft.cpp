#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr std::size_t kMessageBytes = 64;
constexpr char kShort = 's';
constexpr char kLong = 'l';

using Message = std::array<char, kMessageBytes>;

/// Returns false at the end of the stream.
bool read_message(StreamReader& reader, Message& message) {
    for (std::size_t got = 0; got < message.size();) {
        const std::size_t more = reader.read_into(std::span(message).subspan(got));
        if (more == 0) {
            return false;
        }
        got += more;
    }
    return true;
}

void write_message(StreamWriter& writer, const Message& message) {
    writer.write({message.data(), message.size()});
    writer.drain();
}

/// Sends `requests` of a kind, each when the one before was answered; returns how long each took.
std::vector<double> ask(int port, char kind, std::int64_t requests) {
    auto [reader, writer] = open_connection("127.0.0.1", port);
    std::vector<double> times;
    for (std::int64_t i = 0; i < requests; ++i) {
        Message message{kind};
        const auto start = Clock::now();
        write_message(writer, message);
        if (!read_message(reader, message) || message[0] != kind) {
            throw std::runtime_error("an answer is wrong");
        }
        times.push_back(Microseconds(Clock::now() - start).count());
    }
    return times;
}

/// Asks on all connections at once; returns how long the short requests took.
std::vector<double> round(const WorkloadRun& run, int port) {
    std::vector<Task<std::vector<double>>> busy;
    std::vector<Task<std::vector<double>>> others;
    for (std::int64_t i = 0; i < run.size("connections"); ++i) {
        others.push_back(spawn([&run, port] { return ask(port, kShort, run.size("requests")); }));
        if (i < run.size("busy_connections")) {
            busy.push_back(spawn([&run, port] {
                return ask(port, kLong, run.size("busy_requests"));
            }));
        }
    }
    std::vector<double> times;
    for (const auto& task : others) {
        const std::vector<double> each = await(task);
        times.insert(times.end(), each.begin(), each.end());
    }
    for (const auto& task : busy) {
        await(task);
    }
    return times;
}

void serve_short_and_long(WorkloadRun& run) {
    const std::chrono::microseconds busy(run.size("busy_us"));
    run.in_stealable_task([&] {
        const Server server = start_server(
            [busy](StreamReader reader, StreamWriter writer) {
                for (Message message; read_message(reader, message);) {
                    if (message[0] == kLong) {
                        keep_busy(busy);
                    }
                    write_message(writer, message);
                }
            },
            "127.0.0.1",
            0,
            {.kind = HandlerKind::Stealable, .backlog = 1024}
        );
        round(run, server.port());
        std::vector<double> times;
        const double time = nanoseconds_of([&] { times = round(run, server.port()); });
        run.report("time", time / 1e3 / static_cast<double>(times.size()), "us");
        run.report("p99", percentile(times, 0.99), "us");
        server.close();
    });
}

const bool added = add_workload("mixed", &serve_short_and_long);

}  // namespace
}  // namespace weft::perf
