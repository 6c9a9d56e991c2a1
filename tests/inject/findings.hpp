#pragma once

#include <string>
#include <string_view>

namespace weft::inject {

/// Writes one line for whoever judges the run: KIND, PLACE and TEXT with tabs between. Any thread.
///
///   error PLACE TYPE: WHAT   something failed, and said so
///   wrong PLACE WHAT         other bytes came than were sent, or an end that should not be
///   log LEVEL WHAT           a line of the runtime's log
///   served - MS              an exchange after the fault, and how long it took
///   unserved - WHAT          it failed
///   left - WHAT              is there after the end and was not at the beginning
///   hang - TASKS             the program did not end in time
void tell(std::string_view kind, std::string_view place, std::string_view text);

/// What the exception in flight is and says. In a handler.
[[nodiscard]] std::string current_error();

/// Runs `function` and tells of what it throws. False if it did.
template <class F>
bool attempt(std::string_view place, F&& function) {
    try {
        function();
        return true;
    } catch (...) {
        tell("error", place, current_error());
        return false;
    }
}

/// What a process has: to be looked at before and after.
struct Holdings {
    int descriptors;
    int threads;
};
[[nodiscard]] Holdings holdings();

/// Tells of what is still there that was not at the beginning: tasks, descriptors, threads. Gives
/// threads that are about to end two seconds.
void tell_what_is_left(const Holdings& before);

}  // namespace weft::inject
