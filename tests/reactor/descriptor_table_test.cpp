#include "reactor/descriptor_table.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "reactor/reactor.hpp"

namespace weft::rt {
namespace {

std::unique_ptr<Reactor> make_reactor() {
    std::unique_ptr<Reactor> reactor;
    EXPECT_FALSE(make_epoll_reactor(reactor));
    return reactor;
}

struct DescriptorTableTest : testing::Test {
    std::unique_ptr<Reactor> reactor = make_reactor();
    DescriptorTable table{*reactor};
};

// Goal: an event finds the descriptor it was asked for.
TEST_F(DescriptorTableTest, ATagFindsItsDescriptor) {
    std::vector<Descriptor*> all;
    std::vector<std::uint64_t> tags;
    for (int fd = 0; fd < 1000; ++fd) {  // several chunks
        all.push_back(table.give_out(fd, false));
        ASSERT_NE(all.back(), nullptr);
        EXPECT_EQ(all.back()->fd(), fd);
        tags.push_back(DescriptorTable::tag(*all.back()));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(table.find(tags[i]), all[i]);
    }
}

// Goal: an event that was collected before the descriptor was closed wakes nobody, neither while the
// slot is free nor after another descriptor, perhaps of the same number, has got it.
TEST_F(DescriptorTableTest, ATagOfOneThatHasGoneFindsNothing) {
    Descriptor* const first = table.give_out(7, false);
    const std::uint64_t stale = DescriptorTable::tag(*first);
    table.take_back(*first);
    EXPECT_EQ(table.find(stale), nullptr);

    Descriptor* const second = table.give_out(7, false);
    ASSERT_EQ(second, first) << "the test is about a slot that is used again";
    EXPECT_EQ(table.find(stale), nullptr);
    EXPECT_EQ(table.find(DescriptorTable::tag(*second)), second);
}

// Goal: the tag of a slot that was never made finds nothing.
TEST_F(DescriptorTableTest, ATagOfNoSlotFindsNothing) {
    EXPECT_EQ(table.find(0), nullptr);
    EXPECT_EQ(table.find(100'000), nullptr);
}

}  // namespace
}  // namespace weft::rt
