#include "task/report.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>

#include "base/atomic.hpp"
#include "base/log.hpp"
#include "task/task_state.hpp"

namespace weft::rt {
namespace {

Atomic<std::uint64_t> unseen_count{0};  // relaxed: a count

std::string demangled(const char* name) {
    int status = 0;
    char* const text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
    std::string result = status == 0 ? text : name;
    std::free(text);
    return result;
}

}  // namespace

std::string describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        return demangled(typeid(exception).name()) + ": " + exception.what();
    } catch (const CancelledError&) {
        return "CancelledError";
    } catch (...) {
        const std::type_info* const type = abi::__cxa_current_exception_type();
        return "an exception of type " + (type != nullptr ? demangled(type->name()) : "unknown");
    }
}

void report_unseen_error(
    const detail::FutureState& state, const std::exception_ptr& error
) noexcept {
    unseen_count.fetch_add(1, relaxed);
    try {
        const std::string who =
            state.is_task() ? "task '" + static_cast<const TaskState&>(state).display_name() + "'"
                            : "a future";
        log_error("exception of " + who + " was never retrieved: " + describe(error));
    } catch (...) {
        log_error("an exception was never retrieved, and there is no memory to say which");
    }
}

void report_callback_error(const std::exception_ptr& error) noexcept {
    try {
        log_error("exception in a callback: " + describe(error));
    } catch (...) {
        log_error("exception in a callback, and there is no memory to say which");
    }
}

std::uint64_t unseen_errors() noexcept {
    return unseen_count.load(relaxed);
}

}  // namespace weft::rt
