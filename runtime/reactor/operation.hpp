#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "reactor/descriptor.hpp"

namespace weft::rt {

/// Something to do on a descriptor, with the buffers it needs. They belong to the operation until
/// it has completed, also when its task is cancelled (R10).
struct Operation {
    enum class Kind : std::uint8_t {
        Receive,  ///< into `buffer`; the result is the number of bytes, 0 at the end of the stream
        Send,     ///< from `vectors`; the result is how many bytes were taken, perhaps not all
        Accept,   ///< the result is a non-blocking descriptor; `address` receives the peer
        Connect,  ///< waits for a connect() that is under way; the result is 0
    };

    Kind kind;
    Descriptor& descriptor;
    void* buffer = nullptr;
    std::size_t size = 0;
    const iovec* vectors = nullptr;
    int vector_count = 0;
    sockaddr_storage* address = nullptr;
    socklen_t address_size = 0;
};

}  // namespace weft::rt
