#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace weft::perf {
namespace {

/// A ring with one writer and one reader.
class Ring {
public:
    explicit Ring(std::size_t capacity) : slots_(capacity) {}

    bool try_put(std::int64_t item) {
        const std::size_t tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_seen_ == slots_.size()) {
            head_seen_ = head_.load(std::memory_order_acquire);
            if (tail - head_seen_ == slots_.size()) {
                return false;
            }
        }
        slots_[tail % slots_.size()] = item;
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }
    bool try_get(std::int64_t& item) {
        const std::size_t head = head_.load(std::memory_order_relaxed);
        if (tail_seen_ == head) {
            tail_seen_ = tail_.load(std::memory_order_acquire);
            if (tail_seen_ == head) {
                return false;
            }
        }
        item = slots_[head % slots_.size()];
        head_.store(head + 1, std::memory_order_release);
        return true;
    }

private:
    static constexpr std::size_t kLine = 64;

    std::vector<std::int64_t> slots_;
    alignas(kLine) std::atomic<std::size_t> head_{0};
    std::size_t tail_seen_ = 0;
    alignas(kLine) std::atomic<std::size_t> tail_{0};
    std::size_t head_seen_ = 0;
};

std::int64_t put_and_get(Ring& ring, std::int64_t items) {
    std::int64_t sum = 0;
    std::int64_t got = 0;
    for (std::int64_t put = 0; got < items;) {
        while (put < items && ring.try_put(put)) {
            ++put;
        }
        for (std::int64_t item = 0; ring.try_get(item); ++got) {
            sum += item;
        }
    }
    return sum;
}

std::int64_t put_to_thread(Ring& ring, std::int64_t items) {
    std::int64_t sum = 0;
    std::thread other([&] {
        for (std::int64_t got = 0, item = 0; got < items;) {
            if (ring.try_get(item)) {
                sum += item;
                ++got;
            }
        }
    });
    for (std::int64_t put = 0; put < items;) {
        put += ring.try_put(put) ? 1 : 0;
    }
    other.join();
    return sum;
}

// Of one producer and one consumer: who waits spins, and nobody is woken.
void pass_through_ring(Run& run) {
    if (run.size("producers") != 1 || run.size("consumers") != 1) {
        return;
    }
    const std::int64_t items = run.size("items");
    Ring ring(static_cast<std::size_t>(run.size("capacity")));
    const auto round = [&](std::int64_t count) {
        const std::int64_t sum =
            run.workers == 1 ? put_and_get(ring, count) : put_to_thread(ring, count);
        expect_equal(sum, count * (count - 1) / 2, "the sum");
    };
    round(1 + items / 10);
    const double time = nanoseconds_of([&] { round(items); });
    run.report("time", time / static_cast<double>(items), "ns");
}

const bool added = add_peer("queue", &pass_through_ring);

}  // namespace
}  // namespace weft::perf
