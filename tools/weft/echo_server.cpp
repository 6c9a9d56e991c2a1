#include "echo_server.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <weft/errors.hpp>
#include <weft/stream.hpp>

namespace weft::tool {
namespace {

void serve_peer(StreamReader reader, StreamWriter writer) {
    constexpr std::size_t kChunk = 16 * 1024;
    const auto chunk = std::make_unique_for_overwrite<char[]>(kChunk);
    try {
        while (const std::size_t count = reader.read_into({chunk.get(), kChunk})) {
            writer.write(std::string_view(chunk.get(), count));
            writer.drain();
        }
    } catch (const OsError&) {
        // A peer that goes without a farewell, as load generators do, is none of our news.
    }
}

}  // namespace

EchoServer::EchoServer(Runtime& runtime, const std::string& host, int port, HandlerKind kind)
    : server_(runtime.loop(0)
                  .create_task(
                      [&] {
                          constexpr int kBacklog = 1024;
                          ServerOptions options;
                          options.kind = kind;
                          options.on_every_loop = true;
                          options.backlog = kBacklog;
                          return start_server(&serve_peer, host, port, options);
                      },
                      "start_server"
                  )
                  .get()) {}

}  // namespace weft::tool
