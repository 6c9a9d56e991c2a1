#pragma once

#include <atomic>
#include <cstddef>

namespace weft::rt {

/// The one place atomics come from, so that a model checker can take their place.
///
/// A protocol that has a model test is a template over `template <class> class AtomicOf`; the
/// runtime instantiates it with this one.
template <class T>
using Atomic = std::atomic<T>;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;

/// A value that one thread writes and others may look at, ordering nothing by it: for dumps.
template <class T>
class Published {
public:
    Published(T value) noexcept : value_(value) {}  // NOLINT: stands for the value
    Published& operator=(T value) noexcept {
        value_.store(value, relaxed);
        return *this;
    }
    operator T() const noexcept { return value_.load(relaxed); }  // NOLINT: stands for the value
    [[nodiscard]] T operator->() const noexcept { return value_.load(relaxed); }

private:
    Atomic<T> value_;
};

/// What two threads write must not share such a line (two lines: the prefetcher takes pairs).
inline constexpr std::size_t kCacheLine = 128;

}  // namespace weft::rt
