#include "inject/planted.hpp"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <weft/event.hpp>

#include "base/posix.hpp"
#include "inject/findings.hpp"

namespace weft::inject {
namespace {

using rt::checked;
using rt::UniqueFd;

std::atomic<bool> is_slow{false};

/// Two sockets, the first of which has been sent something.
std::array<UniqueFd, 2> pair_with_bytes(std::size_t count) {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
        throw std::runtime_error("no socketpair");
    }
    std::array<UniqueFd, 2> ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
    const std::string bytes(count, 'x');
    static_cast<void>(checked(::send, fds[1], bytes.data(), bytes.size(), MSG_NOSIGNAL));
    return ends;
}

ssize_t receive(const UniqueFd& fd) {
    std::array<char, 200> bytes;
    return checked(::recv, fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
}

int new_socket() {
    return checked(::socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

void lose() {
    constexpr ssize_t kSent = 100;
    const auto ends = pair_with_bytes(kSent);
    if (const ssize_t count = receive(ends[0]); count != kSent) {
        tell("wrong", "planted", std::to_string(count) + " bytes came of 100");
    }
}

void crash() {
    const UniqueFd fd(new_socket());
    if (!fd) {
        std::abort();
    }
}

void hang() {
    const auto ends = pair_with_bytes(1);
    if (receive(ends[0]) == -EINTR) {
        Event never;
        never.wait();
    }
}

void leak() {
    UniqueFd fd(new_socket());
    const int on = 1;
    if (checked(::setsockopt, fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, socklen_t{sizeof on}) < 0) {
        const std::string forgotten = std::to_string(fd.release());
        throw std::runtime_error("descriptor " + forgotten);
    }
}

void silent() {
    const auto ends = pair_with_bytes(1);
    static_cast<void>(receive(ends[0]));
}

void vague() {
    if (!UniqueFd(new_socket())) {
        throw std::runtime_error("it did not work");
    }
}

void slow() {
    const auto ends = pair_with_bytes(1);
    is_slow.store(receive(ends[0]) < 0);
}

constexpr std::array<std::pair<std::string_view, void (*)()>, 8> kPlanted{
    {{"none", [] {}},
     {"lose", &lose},
     {"crash", &crash},
     {"hang", &hang},
     {"leak", &leak},
     {"silent", &silent},
     {"vague", &vague},
     {"slow", &slow}}};

}  // namespace

std::optional<std::function<void()>> planted(std::string_view name) {
    for (const auto& [known, step] : kPlanted) {
        if (known == name) {
            return step;
        }
    }
    return std::nullopt;
}

std::chrono::milliseconds slowness() {
    constexpr auto kSlow = std::chrono::milliseconds(1500);
    return is_slow.load() ? kSlow : std::chrono::milliseconds(0);
}

}  // namespace weft::inject
