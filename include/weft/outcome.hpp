#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

namespace weft {

/// How something ended: with a value, or with an error that is kept and not thrown.
///
/// asyncio   what gather(return_exceptions=True) puts in its list: a result or an exception
template <class T>
class Outcome {
public:
    using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

    explicit Outcome(value_type value) : state_(std::in_place_index<0>, std::move(value)) {}
    explicit Outcome(std::exception_ptr error) noexcept
        : state_(std::in_place_index<1>, std::move(error)) {}

    /// Returns whether there is a value.
    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

    /// Returns the value.
    ///
    /// Errors    the error, when that is what it ended with.
    [[nodiscard]] value_type& value() & {
        check();
        return std::get<0>(state_);
    }
    [[nodiscard]] const value_type& value() const& {
        check();
        return std::get<0>(state_);
    }
    [[nodiscard]] value_type&& value() && {
        check();
        return std::get<0>(std::move(state_));
    }

    /// Returns the error; null when there is a value. A CancelledError where it was cancelled.
    [[nodiscard]] std::exception_ptr error() const noexcept {
        const auto* const error = std::get_if<1>(&state_);
        return error != nullptr ? *error : nullptr;
    }

private:
    void check() const {
        if (const auto* const error = std::get_if<1>(&state_); error != nullptr) {
            std::rethrow_exception(*error);
        }
    }

    std::variant<value_type, std::exception_ptr> state_;
};

}  // namespace weft
