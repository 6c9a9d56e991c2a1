#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <weft/errors.hpp>
#include <weft/runtime.hpp>

#include "demo.hpp"
#include "load.hpp"
#include "subprocess.hpp"

namespace weft::tool {
namespace {

// What the client may take longer than it was told to, before it is taken for stuck.
constexpr auto kClientGrace = std::chrono::seconds(10);

/// Runs the client and returns what it printed; throws RuntimeError when that is nothing.
Json run_client(const LoadOptions& options) {
    const auto seconds = std::chrono::duration<double>(options.seconds);
    const Finished client = run_process(
        {"/proc/self/exe",
         "load",
         "--port",
         fmt::to_string(options.port),
         "--connections",
         fmt::to_string(options.connections),
         "--bytes",
         fmt::to_string(options.bytes),
         "--seconds",
         fmt::to_string(options.seconds)},
        std::chrono::ceil<std::chrono::milliseconds>(seconds) + kClientGrace
    );
    if (client.timed_out) {
        throw RuntimeError("the client did not end in time");
    }
    Json report = Json::parse(client.output, nullptr, false);
    if (!report.is_object()) {
        throw RuntimeError(fmt::format("the client failed with exit code {}", client.exit_code));
    }
    return report;
}

Json counters(const Metrics& metrics) {
    Json loops = Json::array();
    for (const LoopMetrics& loop : metrics.loops) {
        loops.push_back({
            {"loop", loops.size()},
            {"tasks_run", loop.tasks_run},
            {"steals", loop.steals},
            {"parks", loop.parks},
            {"wakes_sent", loop.wakes_sent},
            {"wakes_received", loop.wakes_received},
        });
    }
    return loops;
}

}  // namespace

Json demo_serve(HandlerKind kind, double seconds) {
    Runtime runtime;
    runtime.start();
    const EchoServer server(runtime, "127.0.0.1", 0, kind);
    LoadOptions options;
    options.port = server.port();
    options.seconds = seconds;
    const Json client = run_client(options);
    const Metrics metrics = runtime.metrics();

    const auto requests = client.at("requests").get<std::uint64_t>();
    const auto errors = client.at("errors").get<std::uint64_t>();
    const auto took = client.at("seconds").get<double>();
    Json run{{"ok", errors == 0 && requests > 0}};
    run["handler"] = kind == HandlerKind::Pinned ? "pinned" : "stealable";
    run.update(client);
    run["requests_per_second"] = static_cast<double>(requests) / took;
    run["loops"] = counters(metrics);
    return run;
}

std::string serve_table(const Json& runs) {
    std::string text;
    const auto out = std::back_inserter(text);
    const Json& first = runs.at(0);
    fmt::format_to(
        out,
        "serve: TCP echo on {} loops; another process sends {} B on each of {} connections\n\n"
        "  {:<10} {:>11} {:>9} {:>9} {:>9} {:>8}\n",
        first.at("loops").size(),
        first.at("bytes").get<int>(),
        first.at("connections").get<int>(),
        "handler",
        "requests/s",
        "p50 us",
        "p99 us",
        "max us",
        "errors"
    );
    for (const Json& run : runs) {
        fmt::format_to(
            out,
            "  {:<10} {:>11.0f} {:>9.1f} {:>9.1f} {:>9.1f} {:>8}\n",
            run.at("handler").get<std::string>(),
            run.at("requests_per_second").get<double>(),
            run.at("p50_us").get<double>(),
            run.at("p99_us").get<double>(),
            run.at("max_us").get<double>(),
            run.at("errors").get<std::uint64_t>()
        );
    }
    fmt::format_to(
        out,
        "\n  {:<10} {:>4} {:>11} {:>9} {:>9} {:>11} {:>15}\n",
        "handler",
        "loop",
        "tasks run",
        "steals",
        "parks",
        "wakes sent",
        "wakes received"
    );
    for (const Json& run : runs) {
        for (const Json& loop : run.at("loops")) {
            fmt::format_to(
                out,
                "  {:<10} {:>4} {:>11} {:>9} {:>9} {:>11} {:>15}\n",
                run.at("handler").get<std::string>(),
                loop.at("loop").get<int>(),
                loop.at("tasks_run").get<std::uint64_t>(),
                loop.at("steals").get<std::uint64_t>(),
                loop.at("parks").get<std::uint64_t>(),
                loop.at("wakes_sent").get<std::uint64_t>(),
                loop.at("wakes_received").get<std::uint64_t>()
            );
        }
    }
    return text;
}

}  // namespace weft::tool
