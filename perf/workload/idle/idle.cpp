// What a runtime costs that has nothing to do.
//
//     idle_idle [LOOPS] [SECONDS]
//
// Starts a runtime of LOOPS (as many as cores) loops, gives each something to do once, and lets it be
// for SECONDS (5). Prints per loop how often it slept (to reach: 5 a second) and how often its thread
// gave up or lost the CPU, and the CPU time of the process (to reach: 0.1 %).

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>
#include <weft/loop.hpp>
#include <weft/runtime.hpp>
#include <weft/task.hpp>

namespace {

using Seconds = std::chrono::duration<double>;

struct Switches {
    std::uint64_t voluntary = 0;
    std::uint64_t involuntary = 0;
};

/// Context switches of each thread of this process whose name starts with `prefix`.
std::map<std::string, Switches> switches_of(const std::string& prefix) {
    std::map<std::string, Switches> threads;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(entry.path() / "status");
        std::string key;
        std::string name;
        Switches switches;
        while (status >> key) {
            if (key == "Name:") {
                status >> name;
            } else if (key == "voluntary_ctxt_switches:") {
                status >> switches.voluntary;
            } else if (key == "nonvoluntary_ctxt_switches:") {
                status >> switches.involuntary;
            }
        }
        if (name.compare(0, prefix.size(), prefix) == 0) {
            threads[name] = switches;
        }
    }
    return threads;
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        constexpr double kMicro = 1e-6;
        return static_cast<double>(time.tv_sec) + kMicro * static_cast<double>(time.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
    weft::RuntimeOptions options;
    options.workers = argc > 1 ? std::atoi(argv[1]) : 0;
    options.name = "idle";
    const double seconds = argc > 2 ? std::atof(argv[2]) : 5.0;
    weft::Runtime runtime(options);
    runtime.start();
    for (int i = 0; i < runtime.workers(); ++i) {
        runtime.loop(i).create_task([] { weft::spawn([] {}).wait(); }).wait();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // what was begun comes to rest

    const weft::Metrics before = runtime.metrics();
    const auto switches_before = switches_of("idle/w");
    const double cpu_before = cpu_seconds();
    const auto began = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(Seconds(seconds));
    const double elapsed = Seconds(std::chrono::steady_clock::now() - began).count();
    const double cpu = cpu_seconds() - cpu_before;
    const auto switches_after = switches_of("idle/w");
    const weft::Metrics after = runtime.metrics();

    for (int i = 0; i < runtime.workers(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::string name = "idle/w" + std::to_string(i);
        const auto was = switches_before.find(name);
        const auto is = switches_after.find(name);
        const auto rate = [&](std::uint64_t count) { return static_cast<double>(count) / elapsed; };
        const bool found = was != switches_before.end() && is != switches_after.end();
        std::printf(
            "loop %d: %.2f sleeps/s, %.2f voluntary and %.2f involuntary switches/s\n",
            i,
            rate(after.loops[at].parks - before.loops[at].parks),
            found ? rate(is->second.voluntary - was->second.voluntary) : -1.0,
            found ? rate(is->second.involuntary - was->second.involuntary) : -1.0
        );
    }
    constexpr double kPercent = 100.0;
    std::printf(
        "%d loops idle for %.1f s: %.4f %% CPU (%.1f us, with what looked on)\n",
        runtime.workers(),
        elapsed,
        kPercent * cpu / elapsed,
        cpu * 1e6
    );
    return EXIT_SUCCESS;
}
