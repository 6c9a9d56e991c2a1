#pragma once

#include <chrono>
#include <utility>
#include <weft/detail/callback.hpp>

namespace weft {

/// A callback that was given to a loop.
///
/// Threads   any.
/// asyncio   Handle
class Handle {
public:
    Handle() = default;
    explicit Handle(detail::Ref<detail::Callback> callback) noexcept
        : callback_(std::move(callback)) {}

    /// Keeps the callback from being run, unless it has been, and drops what it holds.
    ///
    /// Threads   any; if the loop runs it at this moment, it runs to its end.
    /// asyncio   Handle.cancel
    void cancel() noexcept {
        if (callback_) {
            callback_->cancel();
        }
    }

    /// Returns whether cancel() was called; the callback may have been run before.
    ///
    /// asyncio   Handle.cancelled
    [[nodiscard]] bool cancelled() const noexcept { return callback_ && callback_->cancelled(); }

    /// For weft's own headers: cancels a done-callback whose future is not done; false otherwise.
    bool remove() noexcept {
        if (!callback_ || callback_->told() || callback_->cancelled()) {
            return false;
        }
        callback_->cancel();
        return true;
    }

private:
    detail::Ref<detail::Callback> callback_;
};

/// A callback that a loop runs at a given time.
///
/// asyncio   TimerHandle
class TimerHandle : public Handle {
public:
    TimerHandle() = default;
    TimerHandle(
        detail::Ref<detail::Callback> callback, std::chrono::steady_clock::time_point when
    ) noexcept
        : Handle(std::move(callback)), when_(when) {}

    /// Returns the time it was made for.
    ///
    /// asyncio   TimerHandle.when
    [[nodiscard]] std::chrono::steady_clock::time_point when() const noexcept { return when_; }

private:
    std::chrono::steady_clock::time_point when_;
};

}  // namespace weft
