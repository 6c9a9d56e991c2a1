#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <type_traits>
#include <weft/errors.hpp>
#include <weft/future.hpp>
#include <weft/outcome.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

// What tests of combinators and scopes say of how something ended.

namespace weft::test {

inline void sleep_long() {
    sleep(std::chrono::hours(1));
}
inline void yield_times(int times) {
    for (int i = 0; i < times; ++i) {
        yield();
    }
}
[[nodiscard]] inline std::uint32_t cancelling() {
    return current_task().cancelling();
}

[[nodiscard]] std::string text_of(const std::exception_ptr& error);

/// How `f` ended: "ok", "cancelled" with the message, the error's text, or "[...]" of a group.
template <class F>
requires std::is_invocable_v<F&>
[[nodiscard]] std::string end_of(F&& f) {
    try {
        f();
        return "ok";
    } catch (...) {
        return text_of(std::current_exception());
    }
}
template <class T>
[[nodiscard]] std::string end_of(const Future<T>& future) {
    return end_of([&] { static_cast<void>(await(future)); });
}
template <class T>
[[nodiscard]] std::string end_of(const Outcome<T>& outcome) {
    return end_of([&] { static_cast<void>(outcome.value()); });
}

}  // namespace weft::test
