#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>
#include <weft/delay.hpp>
#include <weft/detail/completions.hpp>
#include <weft/gather.hpp>

namespace weft {

/// The futures given to as_completed(), as they become done: a range to go through once.
///
/// Threads   the task, or plain thread, that made it.
/// asyncio   the iterator of as_completed
template <detail::FutureLike Handle>
class AsCompleted {
public:
    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Handle;
        using difference_type = std::ptrdiff_t;
        using pointer = const Handle*;
        using reference = const Handle&;

        explicit Iterator(AsCompleted* range) : range_(range) { advance(); }
        [[nodiscard]] const Handle& operator*() const noexcept { return *current_; }
        [[nodiscard]] const Handle* operator->() const noexcept { return &*current_; }
        /// Waits for the next one.
        Iterator& operator++() {
            advance();
            return *this;
        }
        void operator++(int) { advance(); }
        [[nodiscard]] friend bool operator==(
            const Iterator& at, std::default_sentinel_t /*end*/
        ) noexcept {
            return at.range_ == nullptr;
        }

    private:
        void advance() {
            current_ = range_->next();
            if (!current_) {
                range_ = nullptr;
            }
        }

        AsCompleted* range_;
        std::optional<Handle> current_;
    };

    /// Waits for the first one that was not given yet and returns it; nothing when all were.
    ///
    /// Suspends      until one is done.
    /// Cancellation  safe; the futures are left alone.
    /// Errors        TimeoutError for each that was not done when the time was up; CancelledError.
    [[nodiscard]] std::optional<Handle> next() {
        const std::optional<std::size_t> place = completions_->next();
        return place ? std::optional<Handle>(futures_[*place]) : std::nullopt;
    }

    /// Waits as next() does.
    [[nodiscard]] Iterator begin() { return Iterator(this); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// For as_completed().
    AsCompleted(std::vector<Handle> futures, std::optional<Delay> timeout)
        : futures_(std::move(futures)),
          completions_(std::make_unique<detail::Completions>(detail::states_of(futures_), timeout)
          ) {}

private:
    std::vector<Handle> futures_;
    std::unique_ptr<detail::Completions> completions_;
};

/// Goes through futures in the order in which they become done: `for (auto& f : as_completed(fs))`.
/// It gives the futures that were given; one given twice comes once.
///
/// Suspends      never; going through the range does.
/// Cancellation  safe; the futures are left alone.
/// Errors        std::bad_alloc; from the range TimeoutError.
/// Threads       any; a plain thread blocks.
/// Returns       a range to go through once.
/// asyncio       as_completed, iterated with `async for`
template <detail::FutureLike Handle>
[[nodiscard]] AsCompleted<Handle> as_completed(
    const std::vector<Handle>& futures, std::optional<Delay> timeout = std::nullopt
) {
    return AsCompleted<Handle>(detail::distinct(futures), timeout);
}

}  // namespace weft
