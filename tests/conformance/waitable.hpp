#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <weft/future.hpp>
#include <weft/handle.hpp>
#include <weft/wait.hpp>

#include "text.hpp"

namespace weft::conformance {

using Number = Future<int>;

/// A task, future or combinator of a program: what every kind of them can do.
struct Waitable {
    template <class T>
    explicit Waitable(const Future<T>& future)
        : await([future] { return text_of(weft::await(future)); }),
          wait_for([future](std::chrono::nanoseconds timeout) {
              return text_of(weft::wait_for(future, timeout));
          }),
          cancel([future](const std::string& message) { return future.cancel(message); }),
          callback([future](const std::function<void()>& call) -> Handle {
              return future.add_done_callback([call](const Future<T>&) { call(); });
          }),
          remove_callback([future](Handle& handle) { return future.remove_done_callback(handle); }),
          done([future] { return future.done(); }),
          cancelled([future] { return future.cancelled(); }),
          result([future] { return text_of(future.result()); }),
          exception([future] { return future.exception(); }) {}

    [[nodiscard]] std::string ending() const {
        if (!done()) {
            return "pending";
        }
        if (cancelled()) {
            return "cancelled";
        }
        const std::exception_ptr error = exception();
        return error != nullptr ? kind_of(error) : result();
    }

    std::function<std::string()> await;
    std::function<std::string(std::chrono::nanoseconds)> wait_for;
    std::function<bool(const std::string&)> cancel;
    std::function<Handle(const std::function<void()>&)> callback;
    std::function<bool(Handle&)> remove_callback;
    std::function<bool()> done;
    std::function<bool()> cancelled;
    std::function<std::string()> result;
    std::function<std::exception_ptr()> exception;
    std::optional<Number> number = std::nullopt;  // of those that can be in a gather
};

}  // namespace weft::conformance
