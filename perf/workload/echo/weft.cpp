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

/// Sends `requests`, each when the one before was answered; returns how long each took.
std::vector<double> ask(int port, std::int64_t requests) {
    auto [reader, writer] = open_connection("127.0.0.1", port);
    std::vector<double> times;
    for (std::int64_t i = 0; i < requests; ++i) {
        Message message{};
        message.back() = static_cast<char>(i % 100);
        const auto start = Clock::now();
        write_message(writer, message);
        if (!read_message(reader, message) || message.back() != static_cast<char>(i % 100)) {
            throw std::runtime_error("an answer is wrong");
        }
        times.push_back(Microseconds(Clock::now() - start).count());
    }
    return times;
}

/// Asks on all connections at once; returns how long the requests took.
std::vector<double> round(const WorkloadRun& run, int port, std::int64_t requests) {
    std::vector<Task<std::vector<double>>> tasks;
    for (std::int64_t i = 0; i < run.size("connections"); ++i) {
        tasks.push_back(spawn([port, requests] { return ask(port, requests); }));
    }
    std::vector<double> times;
    for (const auto& task : tasks) {
        const std::vector<double> each = await(task);
        times.insert(times.end(), each.begin(), each.end());
    }
    return times;
}

void echo_over_tcp(WorkloadRun& run) {
    const std::int64_t requests = run.size("requests");
    run.in_stealable_task([&] {
        const Server server = start_server(
            [](StreamReader reader, StreamWriter writer) {
                for (Message message; read_message(reader, message);) {
                    write_message(writer, message);
                }
            },
            "127.0.0.1",
            0,
            {.kind = HandlerKind::Stealable, .backlog = 1024}
        );
        round(run, server.port(), 1 + requests / 10);
        std::vector<double> times;
        const double time = nanoseconds_of([&] { times = round(run, server.port(), requests); });
        expect_equal(
            static_cast<std::int64_t>(times.size()),
            run.size("connections") * requests,
            "the number of answers"
        );
        run.report("time", time / 1e3 / static_cast<double>(times.size()), "us");
        run.report("p99", percentile(times, 0.99), "us");
        server.close();
    });
}

const bool added = add_workload("echo", &echo_over_tcp);

}  // namespace
}  // namespace weft::perf
