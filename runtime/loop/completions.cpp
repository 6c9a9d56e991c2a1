#include <deque>
#include <mutex>
#include <weft/detail/completions.hpp>
#include <weft/errors.hpp>
#include <weft/future.hpp>

#include "loop/awaited.hpp"
#include "loop/callback_handles.hpp"

namespace weft::detail {

/// What the futures tell; shared, as one may tell it when nobody asks any more.
class Completions::Shared {
public:
    Shared() = default;
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() {
        if (holders_are_watched()) {
            forget_holders(this);
        }
    }

    void add(std::size_t place) {
        const std::lock_guard lock(mutex_);
        if (!late_) {
            done_.push_back(place);
            wake();
        }
    }
    void time_is_up() {
        const std::lock_guard lock(mutex_);
        late_ = true;
        wake();
    }

    /// True with the next place, or without one when the time is up; false with a future that is done
    /// when there is more to know.
    [[nodiscard]] bool take(
        std::optional<std::size_t>& place, std::optional<Future<void>>& wait_for
    ) {
        const std::lock_guard lock(mutex_);
        if (!done_.empty()) {
            place = done_.front();
            done_.pop_front();
            return true;
        }
        if (late_) {
            return true;
        }
        wait_for = waiter_.emplace();
        return false;
    }

private:
    void wake() {
        if (waiter_ && waiter_->state()->try_begin_finish()) {
            waiter_->state()->finish(Status::Value);
        }
        waiter_.reset();
    }

    std::mutex mutex_;
    std::deque<std::size_t> done_;
    std::optional<Future<void>> waiter_;
    bool late_ = false;
};

class Completions::Handles : public CallbackHandles {
public:
    std::optional<std::chrono::steady_clock::time_point> thread_deadline;  // of a plain thread
};

Completions::Completions(const Futures& futures, std::optional<Delay> timeout)
    : shared_(std::make_shared<Shared>()),
      handles_(std::make_unique<Handles>()),
      left_(futures.size()) {
    if (timeout && !handles_->after(*timeout, [shared = shared_] { shared->time_is_up(); })) {
        handles_->thread_deadline = deadline_after(*timeout);
    }
    for (std::size_t place = 0; place < futures.size(); ++place) {
        if (holders_are_watched()) {
            note_awaited(shared_.get(), *futures[place], true);
        }
        handles_->when_done(*futures[place], [shared = shared_, place](FutureState& done) {
            shared->add(place);
            if (holders_are_watched()) {
                forget_awaited(shared.get(), done);
            }
        });
    }
}

Completions::~Completions() = default;

std::optional<std::size_t> Completions::next() {
    if (left_ == 0) {
        return std::nullopt;
    }
    for (;;) {
        std::optional<Future<void>> wait_for;
        std::optional<std::size_t> place;
        if (shared_->take(place, wait_for)) {
            --left_;
            if (!place) {
                throw TimeoutError();
            }
            return place;
        }
        const Awaited awaited(*wait_for->state(), shared_.get());
        if (!handles_->thread_deadline) {
            wait_for->get();
        } else if (!wait_for->state()->wait_until(*handles_->thread_deadline)) {
            shared_->time_is_up();
        }
    }
}

}  // namespace weft::detail
