#include <netdb.h>

#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <weft/errors.hpp>
#include <weft/future.hpp>

#include "base/errand.hpp"
#include "base/helper_thread.hpp"
#include "base/posix.hpp"
#include "io/socket_address.hpp"

namespace weft::rt {
namespace {

/// The errors of getaddrinfo, which are no errno values.
class ResolverCategory final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "resolver"; }
    [[nodiscard]] std::string message(int code) const override { return ::gai_strerror(code); }
};

const std::error_category& resolver_category() noexcept {
    static const ResolverCategory category;
    return category;
}

struct Answer {
    std::error_code error;
    std::vector<SocketAddress> addresses;
};

/// Asks the system; blocks for as long as that takes. Captures errno before anything else may.
Answer look_up(const std::string& host, std::uint16_t port, AddressUse use) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = use == AddressUse::Listen ? AI_PASSIVE : AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (code != 0) {
        return {
            code == EAI_SYSTEM ? std::error_code(last_errno(), std::generic_category())
                               : std::error_code(code, resolver_category()),
            {}};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    Answer answer;
    for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
        if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) {
            continue;
        }
        SocketAddress address;
        std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
        address.size = entry->ai_addrlen;
        address.set_port(port);
        answer.addresses.push_back(address);
    }
    return answer;
}

/// The body of the thread. Nobody may be waiting any more: then the answer is dropped.
void answer_on_thread(
    const Future<Answer>& future, const std::string& host, std::uint16_t port, AddressUse use
) noexcept {
    try {
        future.set_result(look_up(host, port, use));
    } catch (const InvalidStateError&) {
        return;  // cancelled
    } catch (...) {
        // No memory for the answer.
        future.cancel();
    }
}

}  // namespace

// A thread of its own for each look-up: getaddrinfo blocks and wants more stack than a task has.
std::vector<SocketAddress> resolve(
    const std::string& host, std::uint16_t port, AddressUse use, const std::string& doing
) {
    if (host.find('\0') != std::string::npos) {
        throw ValueError("a host name cannot contain a zero byte");
    }
    std::vector<SocketAddress> known = known_addresses(host, port, use);
    if (!known.empty()) {
        return known;
    }
    const Future<Answer> future;
    try {
        Errand::begin();  // now: the thread may have to wait for a core
        std::thread([future, host, port, use] {
            const HelperThread runs_an_errand;
            answer_on_thread(future, host, port, use);
            Errand::end();
        }).detach();
    } catch (const std::system_error& error) {
        Errand::end();
        throw OsError(error.code(), doing);
    } catch (...) {
        Errand::end();
        throw;
    }
    const Answer answer = await(future);
    if (answer.error || answer.addresses.empty()) {
        throw OsError(
            answer.error ? answer.error : std::error_code(EAI_NONAME, resolver_category()), doing
        );
    }
    return answer.addresses;
}

}  // namespace weft::rt
