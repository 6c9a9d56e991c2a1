#include "task/record_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <vector>

namespace weft::rt {
namespace {

using Crate = std::array<TaskState*, RecordPool::kCrate>;

// Goal: a crate keeps its 56 records, each once, in its order.
TEST(RecordPoolTest, CratesKeepWhatIsInThem) {
    RecordPool& pool = RecordPool::shared();
    Crate given{};
    for (TaskState*& record : given) {
        record = pool.take();
        ASSERT_NE(record, nullptr);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(record) % TaskState::kRecordBytes, 0U);
        EXPECT_FALSE(record->try_add_ref());  // whoever walks the records passes it by
    }
    pool.give_crate(given);
    Crate taken{};
    ASSERT_EQ(pool.take_crate(taken), taken.size());
    EXPECT_EQ(taken, given);
    for (TaskState* const record : taken) {
        pool.give(*record);
    }
}

// Goal: records are the same memory for ever, and nobody's twice: through slabs of each size, also on huge pages.
TEST(RecordPoolTest, HandsEachRecordOutOnce) {
    constexpr std::size_t kMany = 60'000;
    RecordCache cache;
    std::set<TaskState*> first;
    for (std::size_t i = 0; i < kMany; ++i) {
        TaskState* const record = cache.take();
        ASSERT_NE(record, nullptr);
        ASSERT_TRUE(first.insert(record).second);
        std::fill_n(
            static_cast<std::byte*>(record->inline_body()), TaskState::kInlineBytes, std::byte{0xff}
        );
    }
    for (TaskState* const record : first) {
        cache.give(*record);
    }
    std::set<TaskState*> again;
    for (std::size_t i = 0; i < kMany; ++i) {
        TaskState* const record = cache.take();
        ASSERT_TRUE(first.contains(record));
        ASSERT_TRUE(again.insert(record).second);
    }
    for (TaskState* const record : again) {
        cache.give(*record);
    }
}

TEST(RecordCacheTest, GivesTheWarmestFirst) {
    RecordCache cache;
    TaskState* const one = cache.take();
    TaskState* const two = cache.take();
    cache.give(*one);
    cache.give(*two);
    EXPECT_EQ(cache.take(), two);
    EXPECT_EQ(cache.take(), one);
    cache.give(*one);
    cache.give(*two);
}

// Goal: one thread makes what another ends, for long: nothing is lost on the way and nobody hoards.
TEST(RecordCacheTest, WhatWandersComesBack) {
    constexpr int kRounds = 200;
    constexpr std::size_t kBatch = 1'000;
    std::set<TaskState*> seen;
    RecordCache maker;
    for (int round = 0; round < kRounds; ++round) {
        std::vector<TaskState*> batch;
        for (std::size_t i = 0; i < kBatch; ++i) {
            batch.push_back(maker.take());
        }
        ASSERT_EQ(std::set<TaskState*>(batch.begin(), batch.end()).size(), kBatch);
        seen.insert(batch.begin(), batch.end());
        std::thread([&batch] {
            RecordCache ender;
            for (TaskState* const record : batch) {
                ender.give(*record);
            }
        }).join();
    }
    EXPECT_LE(seen.size(), 200'000U / 3);  // the tests before this one have left some
}

}  // namespace
}  // namespace weft::rt
