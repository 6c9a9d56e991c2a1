#include <utility>
#include <weft/errors.hpp>
#include <weft/stream.hpp>

#include "io/stream_state.hpp"

namespace weft {

using detail::StreamState;

StreamWriter::StreamWriter(std::shared_ptr<StreamState> state) noexcept
    : state_(std::move(state)) {}
StreamWriter::StreamWriter(StreamWriter&& other) noexcept = default;
StreamWriter& StreamWriter::operator=(StreamWriter&& other) noexcept = default;
StreamWriter::~StreamWriter() = default;

StreamState& StreamWriter::state() const {
    if (state_ == nullptr) [[unlikely]] {
        throw RuntimeError("this StreamWriter was moved from");
    }
    return *state_;
}

void StreamWriter::write(std::string_view bytes) {
    state().write({&bytes, 1});
}
void StreamWriter::writelines(std::span<const std::string_view> pieces) {
    state().write(pieces);
}
void StreamWriter::drain() {
    state().drain();
}
void StreamWriter::write_eof() {
    state().write_eof();
}
void StreamWriter::close() {
    state().close();
}
void StreamWriter::abort() {
    state().abort();
}
bool StreamWriter::is_closing() const {
    return state().is_closing();
}
void StreamWriter::wait_closed() {
    state().wait_closed();
}
std::string StreamWriter::peername() const {
    return state().peer_name();
}
std::string StreamWriter::sockname() const {
    return state().own_name();
}
int StreamWriter::fileno() const {
    return state().fd();
}

}  // namespace weft
