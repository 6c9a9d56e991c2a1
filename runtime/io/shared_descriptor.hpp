#pragma once

#include <cstdint>
#include <system_error>

#include "base/check.hpp"
#include "base/posix.hpp"
#include "io/home.hpp"
#include "reactor/descriptor.hpp"
#include "reactor/reactor.hpp"

namespace weft::rt {

/// A descriptor that several tasks use and any of them may close.
///
/// Slots of descriptors are used again, so one who is about to use this one must not find another
/// in its place: a close that meets users keeps the slot until the last of them is out, while the
/// reactor ends their waits.
///
/// Threads  what is marked (L) only with the owner's lock, the rest only without it.
class SharedDescriptor {
public:
    explicit SharedDescriptor(Home home) noexcept : home_(home) {}
    SharedDescriptor(const SharedDescriptor&) = delete;
    SharedDescriptor& operator=(const SharedDescriptor&) = delete;
    ~SharedDescriptor() { WEFT_CHECK(users_ == 0, "a stream was destroyed while it was in use"); }

    /// Has the reactor of the home loop watch `fd`, which belongs to it from here on if that works.
    [[nodiscard]] std::error_code attach(UniqueFd& fd, bool ready) noexcept {
        const std::error_code error = home_.worker().reactor().attach(fd.get(), ready, descriptor_);
        if (!error) {
            closed_ = false;
            fd_ = fd.release();
        }
        return error;
    }

    [[nodiscard]] const Home& home() const noexcept { return home_; }
    /// Between begin() and end().
    [[nodiscard]] Descriptor& get() const noexcept { return *descriptor_; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }        // (L)
    [[nodiscard]] int fd() const noexcept { return closed_ ? -1 : fd_; }  // (L)

    /// (L) False when it is closed.
    [[nodiscard]] bool begin() noexcept {
        users_ += closed_ ? 0 : 1;
        return !closed_;
    }
    /// (L) True when the caller has to call release_slot().
    [[nodiscard]] bool end() noexcept { return --users_ == 0 && held_; }
    /// (L) True for the first one, who has to call finish_close().
    [[nodiscard]] bool begin_close() noexcept {
        if (closed_) {
            return false;
        }
        closed_ = true;
        held_ = users_ > 0 && descriptor_->use();
        return true;
    }

    void release_slot() noexcept { descriptor_->unuse(); }
    /// Ends all waits and closes. From a thread outside the runtime the loop does it, if it lives.
    void finish_close() noexcept;

private:
    Home home_;
    Descriptor* descriptor_ = nullptr;  // gone with the reactor of the home loop
    int fd_ = -1;
    std::uint32_t users_ = 0;
    bool held_ = false;  // the close has kept the slot for the users
    bool closed_ = true;
};

}  // namespace weft::rt
