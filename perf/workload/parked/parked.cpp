// How much memory a parked task takes, all in.
//
//     parked_parked [TASKS] [pinned|stealable]
//
// Parks tasks (100,000) that wait for one future, and prints what the process has grown by: resident
// bytes a task (to reach: 4,400), bytes of page tables a task, mappings (vm.max_map_count is 65,530
// by default), and what guards the stacks. Exits with 1 when a task could not be made.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <weft/future.hpp>
#include <weft/run.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/slab_table.hpp"
#include "fiber/stack.hpp"

namespace {

/// What the kernel says about this process, in bytes.
struct Memory {
    std::size_t resident;
    std::size_t page_tables;
    std::size_t maps;
};

std::size_t status_bytes(const std::string& key) {
    constexpr std::size_t kKibibyte = 1024;
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.compare(0, key.size(), key) == 0) {
            return std::stoul(line.substr(key.size())) * kKibibyte;
        }
    }
    return 0;
}

std::size_t map_count() {
    std::ifstream maps("/proc/self/maps");
    std::size_t lines = 0;
    for (std::string line; std::getline(maps, line);) {
        ++lines;
    }
    return lines;
}

Memory memory_now() {
    return {status_bytes("VmRSS:"), status_bytes("VmPTE:"), map_count()};
}

/// Counts stacks by what guards them; the address is a local of the stack's task.
struct Census {
    std::array<std::size_t, 4> guards{};

    void count(const void* address) {
        if (const weft::rt::Stack* const stack = weft::rt::find_stack(address); stack != nullptr) {
            ++guards.at(static_cast<std::size_t>(stack->guard_kind));
        }
    }
    [[nodiscard]] std::string text() const {
        constexpr std::array kNames{"process_madvise", "madvise", "mprotect", "canary"};
        std::string text;
        for (std::size_t kind = 0; kind < guards.size(); ++kind) {
            if (guards.at(kind) != 0) {
                text += (text.empty() ? "" : ", ") + std::string(kNames.at(kind)) + " " +
                        std::to_string(guards.at(kind));
            }
        }
        return text;
    }
};

struct Result {
    std::size_t parked = 0;
    std::size_t ended = 0;
    bool refused = false;
    Memory before{};
    Memory after{};
    Census census;
};

Result park(std::size_t tasks, bool stealable) {
    Result result;
    result.before = memory_now();
    const weft::Future<void> end;
    const auto body = [&result, &end] {
        const int here = 0;
        result.census.count(&here);
        ++result.parked;
        end.wait();
        ++result.ended;
    };
    try {
        for (std::size_t made = 0; made < tasks; ++made) {
            stealable ? static_cast<void>(weft::spawn(body))
                      : static_cast<void>(weft::create_task(body));
            if (made % 64 == 63) {
                weft::yield();  // lets them get to their wait
            }
        }
    } catch (const std::bad_alloc&) {
        result.refused = true;
    }
    while (!result.refused && result.parked < tasks) {
        weft::yield();
    }
    result.after = memory_now();
    end.set_result();
    while (result.ended < result.parked) {
        weft::yield();
    }
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t tasks = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
    const bool stealable = argc > 2 && std::strcmp(argv[2], "stealable") == 0;
    weft::RuntimeOptions options;
    options.workers = 1;  // one writer of the counts
    const Result result = weft::run([&] { return park(tasks, stealable); }, options);
    const auto each = [&](std::size_t Memory::*what) {
        return static_cast<double>(result.after.*what - result.before.*what) /
               static_cast<double>(std::max<std::size_t>(result.parked, 1));
    };
    std::printf(
        "parked %zu %s tasks: %.0f bytes resident each, %.0f bytes of page tables each, %zu maps "
        "(%zu before), guards: %s%s\n",
        result.parked,
        stealable ? "stealable" : "pinned",
        each(&Memory::resident),
        each(&Memory::page_tables),
        result.after.maps,
        result.before.maps,
        result.census.text().c_str(),
        result.refused ? "; NO MEMORY for the next" : ""
    );
    return result.refused ? EXIT_FAILURE : EXIT_SUCCESS;
}
