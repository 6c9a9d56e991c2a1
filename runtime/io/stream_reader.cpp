#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <weft/errors.hpp>
#include <weft/stream.hpp>

#include "io/stream_state.hpp"

namespace weft {

using detail::StreamState;
using Reading = StreamState::Reading;

StreamReader::StreamReader(std::shared_ptr<StreamState> state) noexcept
    : state_(std::move(state)) {}
StreamReader::StreamReader(StreamReader&& other) noexcept = default;
StreamReader& StreamReader::operator=(StreamReader&& other) noexcept = default;
StreamReader::~StreamReader() = default;

StreamState& StreamReader::state() const {
    if (state_ == nullptr) [[unlikely]] {
        throw RuntimeError("this StreamReader was moved from");
    }
    return *state_;
}

std::string StreamReader::read(std::ptrdiff_t count) {
    StreamState& state = this->state();
    const Reading reading(state, "read()");
    rt::InputBuffer& input = state.input();
    if (count < 0) {
        // What has come stays in the buffer until the end, so that a cancelled read loses nothing.
        while (state.fill(std::numeric_limits<std::ptrdiff_t>::max())) {
        }
        return input.take(input.size());
    }
    if (count == 0 || (input.empty() && !state.fill(2 * state.limit()))) {
        return {};
    }
    return input.take(std::min(static_cast<std::size_t>(count), input.size()));
}

std::size_t StreamReader::read_into(std::span<char> into) {
    StreamState& state = this->state();
    const Reading reading(state, "read_into()");
    rt::InputBuffer& input = state.input();
    if (into.empty()) {
        return 0;
    }
    if (input.empty()) {
        return state.receive(into);
    }
    const std::size_t count = std::min(into.size(), input.size());
    std::memcpy(into.data(), input.view().data(), count);
    input.drop(count);
    return count;
}

std::string StreamReader::readexactly(std::ptrdiff_t count) {
    if (count < 0) {
        throw ValueError("readexactly(): the size is negative");
    }
    StreamState& state = this->state();
    const Reading reading(state, "readexactly()");
    rt::InputBuffer& input = state.input();
    const auto wanted = static_cast<std::size_t>(count);
    while (input.size() < wanted) {
        if (!state.fill(std::max(wanted, 2 * state.limit()))) {
            throw IncompleteReadError(input.take(input.size()), wanted);
        }
    }
    return input.take(wanted);
}

std::string StreamReader::readuntil(std::string_view separator) {
    if (separator.empty()) {
        throw ValueError("readuntil(): the separator is empty");
    }
    StreamState& state = this->state();
    const Reading reading(state, "readuntil()");
    rt::InputBuffer& input = state.input();
    const std::size_t limit = state.limit();
    std::size_t looked_at = 0;  // no separator begins before it
    for (;;) {
        const std::size_t found = input.view().find(separator, looked_at);
        if (found != std::string_view::npos) {
            if (found > limit) {
                throw LimitOverrunError(
                    "readuntil(): the separator is found, but chunk is longer than limit", found
                );
            }
            return input.take(found + separator.size());
        }
        if (input.size() >= separator.size()) {
            looked_at = input.size() + 1 - separator.size();
            if (looked_at > limit) {
                throw LimitOverrunError(
                    "readuntil(): the separator is not found, and chunk exceeds the limit",
                    looked_at
                );
            }
        }
        if (!state.fill(std::max(2 * limit, limit + separator.size()))) {
            throw IncompleteReadError(input.take(input.size()), 0);
        }
    }
}

std::string StreamReader::readline() {
    std::size_t too_long = 0;
    try {
        return readuntil("\n");
    } catch (const IncompleteReadError& error) {
        return error.partial();
    } catch (const LimitOverrunError& error) {
        too_long = error.consumed();
    }
    StreamState& state = this->state();
    const Reading reading(state, "readline()");
    rt::InputBuffer& input = state.input();
    if (input.view().substr(std::min(too_long, input.size())).starts_with('\n')) {
        input.drop(too_long + 1);
    } else {
        input.clear();
    }
    throw ValueError(
        "readline(): the line is longer than the limit of " + std::to_string(state.limit()) +
        " bytes"
    );
}

bool StreamReader::at_eof() const {
    return state().at_eof();
}

}  // namespace weft
