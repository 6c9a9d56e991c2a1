#include "loop/endings.hpp"

namespace weft::test {

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError& cancelled) {
        return cancelled.message().empty() ? "cancelled" : "cancelled: " + cancelled.message();
    } catch (const ExceptionGroup& group) {
        std::string text = "[";
        for (const std::exception_ptr& each : group.exceptions()) {
            text += (text.size() > 1 ? " " : "") + text_of(each);
        }
        return text + "]";
    } catch (const std::exception& other) {
        return other.what();
    }
}

}  // namespace weft::test
