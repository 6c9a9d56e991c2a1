// An echo server that may have 64 descriptors: fd_limit.py takes them all. Prints its port.

#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <weft/run.hpp>
#include <weft/server.hpp>

namespace {

void echo(weft::StreamReader reader, weft::StreamWriter writer) {
    std::array<char, 512> bytes{};
    while (const std::size_t count = reader.read_into(bytes)) {
        writer.write({bytes.data(), count});
        writer.drain();
    }
}

}  // namespace

int main() {
    constexpr rlimit kFew{64, 64};
    if (::setrlimit(RLIMIT_NOFILE, &kFew) != 0) {
        return 2;
    }
    weft::RuntimeOptions options;
    options.workers = 2;
    return weft::run(
        [] {
            const weft::Server server =
                weft::start_server(&echo, "127.0.0.1", 0, {.on_every_loop = true});
            std::printf("%d\n", server.port());
            std::fflush(stdout);
            server.serve_forever();
            return 0;
        },
        options
    );
}
