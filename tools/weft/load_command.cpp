#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "load.hpp"
#include "output.hpp"

// weft load: the client of `weft demo`, which runs it as a process of its own.

namespace weft::tool {
namespace {

int load(const LoadOptions& options) {
    const LoadResult result = run_load(options);
    if (result.errors > 0) {
        complain("load", result.first_error);
    }
    const nlohmann::ordered_json report{
        {"connections", options.connections},
        {"bytes", options.bytes},
        {"seconds", result.seconds},
        {"requests", result.requests},
        {"errors", result.errors},
        {"p50_us", result.p50_us},
        {"p99_us", result.p99_us},
        {"max_us", result.max_us},
    };
    const bool printed = print(report.dump() + '\n');
    return printed && result.errors == 0 ? kDone : kFailed;
}

}  // namespace

Command add_load(CLI::App& app) {
    constexpr int kConnectionsMax = 65536;
    constexpr std::size_t kBytesMax = 1U << 24U;
    constexpr double kSecondsMax = 3600;
    auto options = std::make_shared<LoadOptions>();
    CLI::App* const command =
        app.add_subcommand("load", "Load an echo server on 127.0.0.1 and check its answers");
    command->group("");  // for `weft demo`: not in --help
    command->add_option("--port", options->port, "The server's port")
        ->required()
        ->check(CLI::Range(1, kPortMax));
    command->add_option("--connections", options->connections, "How many, each with one request")
        ->check(CLI::Range(1, kConnectionsMax))
        ->capture_default_str();
    command->add_option("--bytes", options->bytes, "The size of a request")
        ->check(CLI::Range(std::size_t{1}, kBytesMax))
        ->capture_default_str();
    command->add_option("--seconds", options->seconds, "How long")
        ->check(seconds_between(0.01, kSecondsMax))
        ->capture_default_str();
    return {command, [options] { return load(*options); }};
}

}  // namespace weft::tool
