#include "text.hpp"

#include <weft/errors.hpp>

namespace weft::conformance {

std::string kind_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError&) {
        return "CancelledError";
    } catch (const Boom&) {
        return "Boom";
    } catch (const Result&) {
        return "Result";
    } catch (const ExceptionGroup& group) {
        std::string text;
        for (const auto& each : group.exceptions()) {
            text += (text.empty() ? "" : ",") + kind_of(each);
        }
        return "ExceptionGroup[" + text + "]";
    } catch (const InvalidStateError&) {
        return "InvalidStateError";
    } catch (const BrokenBarrierError&) {
        return "BrokenBarrierError";
    } catch (const TimeoutError&) {
        return "TimeoutError";
    } catch (const QueueShutDown&) {
        return "QueueShutDown";
    } catch (const QueueEmpty&) {
        return "QueueEmpty";
    } catch (const QueueFull&) {
        return "QueueFull";
    } catch (const ValueError&) {
        return "ValueError";
    } catch (const RuntimeError&) {
        return "RuntimeError";
    } catch (const std::exception& other) {
        return other.what();
    }
}

std::string text_of(int value) {
    return std::to_string(value);
}
std::string text_of(bool value) {
    return value ? "True" : "False";
}
std::string text_of(const std::string& value) {
    return value;
}
std::string text_of(const Outcome<int>& outcome) {
    return outcome ? text_of(outcome.value()) : kind_of(outcome.error());
}

}  // namespace weft::conformance
