#pragma once

namespace weft::rt {

/// What the C++ runtime keeps per thread about exceptions in flight; __cxa_eh_globals of the
/// Itanium ABI. It must travel with the task (R3): else a task that suspends in a catch block finds
/// another task's exception there, or none, when it goes on.
struct ExceptionState {
    void* caught = nullptr;
    unsigned int uncaught = 0;

    [[nodiscard]] bool in_use() const noexcept { return caught != nullptr || uncaught != 0; }
};

/// The state of the calling thread. Asked once per thread, at its start, and kept in the carrier:
/// the ABI declares __cxa_get_globals const, so that two calls around a switch become one.
[[nodiscard]] ExceptionState* exception_state_of_thread() noexcept;

}  // namespace weft::rt
