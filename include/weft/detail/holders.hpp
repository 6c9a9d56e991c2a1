#pragma once

#include <atomic>
#include <cstddef>

namespace weft::detail {

class FutureState;

/// Whether anybody wants to know who could end a wait: then primitives say who has what of them. Never
/// unset: what was said before would stay. Costs a load of a byte that nobody writes.
extern std::atomic<bool> holders_watched;  // relaxed: what is taken meanwhile is not known of

[[nodiscard]] inline bool holders_are_watched() noexcept {
    return holders_watched.load(std::memory_order_relaxed);
}

// Without memory to note it in, it is not known.

/// Whoever runs here has got something of `object` that others wait for, and is not the only one who can: a
/// permit.
void note_taken(const void* object) noexcept;
/// The same, of what only one can have: a lock.
void note_owned(const void* object) noexcept;
/// Whoever runs here gives `count` of those back. If it has not got so many, somebody gives back what another
/// took: from then on nobody is said to have any.
void note_given_back(const void* object, std::size_t count = 1) noexcept;

/// Who waits for `object` waits for `future`; `any`: it, or another one, whichever comes first.
void note_awaited(const void* object, const FutureState& future, bool any) noexcept;
void forget_awaited(const void* object, const FutureState& future) noexcept;
/// Who waits for `object` waits for what those do who wait for `other`.
void note_same(const void* object, const void* other) noexcept;

/// `object` ends: another one may come to lie where it was.
void forget_holders(const void* object) noexcept;

}  // namespace weft::detail
