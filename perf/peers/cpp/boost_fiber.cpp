#include <boost/fiber/algo/round_robin.hpp>
#include <boost/fiber/algo/work_stealing.hpp>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

bool one_worker = true;  // of this process

/// Of several workers: each serves fibers until all of them have left.
void work(std::uint32_t workers, const std::function<void()>& body) {
    bf::use_scheduling_algorithm<bf::algo::work_stealing>(workers, true);
    static bf::mutex mutex;
    static bf::condition_variable_any left;
    static bool ended = false;
    if (body) {
        body();
        const std::unique_lock lock(mutex);
        ended = true;
        left.notify_all();
    } else {
        std::unique_lock lock(mutex);
        left.wait(lock, [] { return ended; });
    }
}

}  // namespace

void with_fibers(const Run& run, const std::function<void()>& body) {
    one_worker = run.workers == 1;
    if (one_worker) {
        bf::use_scheduling_algorithm<bf::algo::round_robin>();
        body();
        return;
    }
    const auto workers = static_cast<std::uint32_t>(run.workers);
    std::vector<std::thread> others;
    for (std::uint32_t i = 1; i < workers; ++i) {
        others.emplace_back([workers] { work(workers, nullptr); });
    }
    work(workers, body);
    for (std::thread& thread : others) {
        thread.join();
    }
}

boost::context::pooled_fixedsize_stack* own_stacks() {
    // Never freed: the thread's last fibers end after its variables.
    static auto* const stacks = new boost::context::pooled_fixedsize_stack(kFiberStackBytes, 1024);
    return one_worker ? stacks : nullptr;
}

}  // namespace weft::perf
