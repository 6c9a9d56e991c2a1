#pragma once

#include <exception>
#include <functional>
#include <string>

namespace weft {

class Loop;

/// An error that nobody is there to catch, as a loop's exception handler is told of it.
///
/// asyncio   the context of call_exception_handler
struct ExceptionContext {
    /// What happened.
    std::string message;
    /// The error; null when there is none.
    std::exception_ptr exception = nullptr;
    /// To whom: "task 'x'", "a future", "a callback".
    std::string subject = {};
};

/// Called on the thread of the loop, in the context of what failed; it may not wait. What it throws
/// is logged, and so is what it was called for.
using ExceptionHandler = std::function<void(Loop& loop, const ExceptionContext& context)>;

}  // namespace weft
