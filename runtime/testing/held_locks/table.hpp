#pragma once

#include <cstdint>

namespace weft::rt {

/// What a thread can be inside of that a task must not take to another one.
enum class Held : std::uint8_t { Mutex, SharedMutex, StaticInitialiser, Once };

/// Says that this thread has entered `object`; `frame` is __builtin_frame_address(0) of the function that
/// was called for it. Forgotten at once on a thread that runs no loop: a lock that was taken before the
/// loop began is the thread's, and no task's.
void note_entered(Held kind, const void* object, void* const* frame) noexcept;

/// Says that this thread has left `object`: the last time that it entered it. Unknown ones are let pass.
void note_left(const void* object) noexcept;

}  // namespace weft::rt
