#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/intrusive_list.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/probe.hpp"
#include "base/rng.hpp"
#include "base/spin_lock.hpp"
#include "support/log_capture.hpp"
#include "support/scale.hpp"

namespace weft::test {
namespace {

struct Element {
    Element* next = nullptr;
};

// Goal: first in, first out; an element may go in again once it is out.
TEST(IntrusiveFifo, KeepsOrder) {
    std::vector<Element> elements(5);
    rt::IntrusiveFifo<Element> fifo;
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(fifo.empty());
        EXPECT_EQ(fifo.pop(), nullptr);
        for (Element& element : elements) {
            fifo.push(element);
        }
        EXPECT_EQ(fifo.front(), elements.data());
        for (Element& element : elements) {
            EXPECT_EQ(fifo.pop(), &element);
        }
    }
}

// Goal: a wrapper gives -errno and leaves nothing to read afterwards.
TEST(Posix, CheckedGivesNegativeErrno) {
    errno = 0;
    EXPECT_EQ(rt::checked(::close, -1), -EBADF);
    const int fd = rt::checked(::open, "/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    {
        rt::UniqueFd owner(fd);
        rt::UniqueFd moved(std::move(owner));
        EXPECT_EQ(moved.get(), fd);
    }
    EXPECT_EQ(rt::checked(::close, fd), -EBADF);
}

// Goal: a system call that a signal interrupts is made again.
TEST(Posix, RetriedGoesOnAfterASignal) {
    int calls = 0;
    const auto interrupted_twice = [&calls](int result) {
        if (++calls < 3) {
            errno = EINTR;
            return -1;
        }
        return result;
    };
    EXPECT_EQ(rt::retried(interrupted_twice, 7), 7);
    EXPECT_EQ(calls, 3);
}

// Goal: the clock is that of std::chrono::steady_clock and does not go back; ticks go on with it.
TEST(Clock, IsTheSteadyClock) {
    const auto before = std::chrono::steady_clock::now().time_since_epoch();
    const rt::Nanos now = rt::Clock::real().now();
    const auto after = std::chrono::steady_clock::now().time_since_epoch();
    EXPECT_LE(std::chrono::nanoseconds(before).count(), now);
    EXPECT_GE(std::chrono::nanoseconds(after).count(), now);
    EXPECT_GT(rt::ticks_per_microsecond(), 0U);
}

// Goal: a different sequence for each seed, and nothing beyond the bound.
TEST(Rng, StaysBelowItsBound) {
    std::set<std::uint64_t> firsts;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        rt::Rng rng(seed);
        firsts.insert(rng.next());
        std::vector<int> seen(3);
        for (int i = 0; i < 300; ++i) {
            ++seen[rng.below(3)];
        }
        for (const int count : seen) {
            EXPECT_GT(count, 30);
        }
        EXPECT_EQ(rng.below(1), 0U);
    }
    EXPECT_EQ(firsts.size(), 100U);
}

// Goal: a counter that one thread writes may be read by all.
TEST(Counter, IsReadableByOthers) {
    rt::Counter counter;
    std::thread reader([&] {
        std::uint64_t last = 0;
        while (last < 1000) {
            const std::uint64_t now = counter.get();
            EXPECT_GE(now, last);
            last = now;
        }
    });
    for (int i = 0; i < 1000; ++i) {
        counter.add();
    }
    reader.join();
    counter.add(5);
    EXPECT_EQ(counter.get(), 1005U);
}

// Goal: one at a time, also when there are more threads than cores.
TEST(SpinLock, ExcludesOthers) {
    detail::SpinLock lock;
    long shared = 0;
    const int rounds = scaled(20'000);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                lock.lock();
                ++shared;
                lock.unlock();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(shared, 4L * rounds);
}

// Goal: lines reach the sink with their level; a sink that throws hurts nobody.
TEST(Log, GoesToItsSink) {
    {
        const LogCapture log;
        rt::log_info("one");
        rt::log_warning("two");
        rt::log_error("three");
        EXPECT_EQ(
            log.lines(), (std::vector<std::string>{"info: one", "warning: two", "error: three"})
        );
    }
    rt::set_log_sink([](rt::LogLevel, std::string_view) { throw std::runtime_error("full"); });
    ::testing::internal::CaptureStderr();
    rt::log_error("lost");
    rt::set_log_sink(nullptr);
    rt::log_error("to stderr");
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("the log sink threw: full"), std::string::npos);
    EXPECT_NE(text.find("weft: error: to stderr\n"), std::string::npos);
}

// Goal: a failed check says what and where, and stops.
TEST(CheckDeathTest, SaysWhatIsWrong) {
    EXPECT_DEATH(WEFT_CHECK(1 + 1 == 3, "arithmetic"), "arithmetic");
}

}  // namespace
}  // namespace weft::test
