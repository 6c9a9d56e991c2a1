#pragma once

#include <exception>
#include <string>
#include <vector>
#include <weft/outcome.hpp>

namespace weft::conformance {

/// What `fail` gives a future and `boom` throws.
struct Boom {};
/// Ends a task's steps with a value.
struct Result {
    int value;
};

/// The name of an error's kind, as CPython would print it.
inline const std::string kNone = "none";      // what Python returns as None
inline const std::string kUnmade = "unmade";  // a step names a thing that no step has made

[[nodiscard]] std::string kind_of(const std::exception_ptr& error);

[[nodiscard]] std::string text_of(int value);
[[nodiscard]] std::string text_of(bool value);
[[nodiscard]] std::string text_of(const std::string& value);
[[nodiscard]] std::string text_of(const Outcome<int>& outcome);
template <class T>
[[nodiscard]] std::string text_of(const std::vector<T>& values) {
    std::string text;
    for (const T& value : values) {
        text += (text.empty() ? "" : ",") + text_of(value);
    }
    return "[" + text + "]";
}

}  // namespace weft::conformance
