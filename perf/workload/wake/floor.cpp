#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;

// A thread that sleeps in epoll, woken by an eventfd.
void wake_a_thread(Run& run) {
    const auto wakes = static_cast<std::size_t>(run.size("wakes"));
    const std::chrono::microseconds pause(run.size("pause_us"));
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    const int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    if (poll < 0 || bell < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, bell, &event) != 0) {
        throw std::runtime_error("the system refuses a descriptor");
    }
    std::atomic<bool> waits = false;
    std::atomic<Clock::time_point> rung;
    std::thread waker([&] {
        for (std::size_t i = 0; i < wakes; ++i) {
            while (!waits.exchange(false, std::memory_order_acquire)) {
            }
            keep_busy(pause);
            rung.store(Clock::now(), std::memory_order_release);
            const std::uint64_t one = 1;
            if (write(bell, &one, sizeof one) != sizeof one) {
                std::terminate();
            }
        }
    });
    std::vector<double> times;
    for (std::size_t i = 0; i < wakes; ++i) {
        waits.store(true, std::memory_order_release);
        while (epoll_wait(poll, &event, 1, -1) != 1) {
        }
        const auto time = Clock::now() - rung.load(std::memory_order_acquire);
        times.push_back(std::chrono::duration<double, std::nano>(time).count());
    }
    waker.join();
    close(bell);
    close(poll);
    run.report("p50", percentile(times, 0.5), "ns");
}

const bool added = add_peer("wake", &wake_a_thread);

}  // namespace
}  // namespace weft::perf
