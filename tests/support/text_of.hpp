#pragma once

#include <gtest/gtest.h>

#include <string>

namespace weft::test {

/// What the exception of type `Error` says that `f` throws.
template <class Error, class F>
[[nodiscard]] std::string text_of(F&& f) {
    try {
        f();
    } catch (const Error& error) {
        return error.what();
    }
    ADD_FAILURE() << "no such error was thrown";
    return {};
}

}  // namespace weft::test
