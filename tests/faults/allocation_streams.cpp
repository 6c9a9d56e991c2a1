#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>
#include <weft/connection.hpp>
#include <weft/errors.hpp>
#include <weft/gather.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/stream.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

#include "allocation_scenario.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

constexpr std::string_view kLine = "a line that is longer than what a string holds in itself\n";

/// Runs `client(port)` against a server. When an end fails for want of memory the other one sees a
/// stream that ended, which is counted.
class Service {
public:
    explicit Service(Trial& trial) : trial_(trial) {}

    template <class Handler, class Client>
    void run(Handler handler, Client client, ServerOptions options = {}) {
        trial_.act([&] {
            const Server server = start_server(handler, "127.0.0.1", 0, options);
            try {
                client(server.port());
            } catch (const IncompleteReadError&) {
                cut_ = true;
            } catch (const OsError& error) {
                if (error.code() != std::errc::connection_reset &&
                    error.code() != std::errc::broken_pipe) {
                    server.close();
                    throw;
                }
                cut_ = true;
            } catch (...) {
                server.close();
                throw;
            }
            server.close();
            server.wait_closed();
            if (server.connections() != 0) {
                Trial::note("a connection was left", {});
            }
        });
        trial_.expect(trial_.count().refused != 0 || !cut_, "a stream was cut");
    }

    /// What the client received was not what it should be.
    void cut() { cut_ = true; }

private:
    Trial& trial_;
    std::atomic<bool> cut_{false};
};

void echo_lines(StreamReader reader, StreamWriter writer) {
    for (std::string line = reader.readline(); !line.empty(); line = reader.readline()) {
        writer.write(line);
        writer.drain();
    }
}

void exchange_lines(Trial& trial) {
    Service service(trial);
    service.run(&echo_lines, [&service](int port) {
        auto [reader, writer] = open_connection("127.0.0.1", port);
        for (int i = 0; i < 8; ++i) {
            writer.write(kLine);
            writer.drain();
            if (reader.readline() != kLine) {
                return service.cut();
            }
        }
        writer.close();
        writer.wait_closed();
    });
}

void read_exactly(Trial& trial) {
    Service service(trial);
    service.run(
        [](StreamReader reader, StreamWriter writer) {
            const std::string head = reader.readexactly(8);
            const std::string body = reader.readexactly(std::stol(head));
            writer.write(body);
            writer.close();
            writer.wait_closed();
        },
        [&service](int port) {
            auto [reader, writer] = open_connection("127.0.0.1", port);
            const std::string body(5'000, 'b');
            writer.write("00005000");
            writer.write(body);
            if (reader.readexactly(5'000) != body || !reader.read().empty()) {
                service.cut();
            }
        }
    );
}

void read_until(Trial& trial) {
    Service service(trial);
    service.run(
        [](StreamReader reader, StreamWriter writer) {
            for (int i = 0; i < 4; ++i) {
                writer.write(reader.readuntil("--end--"));
            }
            writer.write_eof();
        },
        [&service](int port) {
            auto [reader, writer] = open_connection("127.0.0.1", port);
            const std::string part(2'000, 'p');
            for (int i = 0; i < 4; ++i) {
                writer.write(part);
                writer.write("--end--");
            }
            if (reader.read().size() != 4 * (part.size() + 7)) {
                service.cut();
            }
        }
    );
}

void send_much(Trial& trial) {
    Service service(trial);
    constexpr std::size_t kMuch = std::size_t{3} * 1024 * 1024;
    service.run(
        [](StreamReader reader, StreamWriter writer) {
            std::vector<char> bytes(256 * 1024);
            std::size_t sum = 0;
            while (const std::size_t count = reader.read_into(bytes)) {
                sum += count;
            }
            writer.write(std::to_string(sum));
        },
        [&service](int port) {
            auto [reader, writer] = open_connection("127.0.0.1", port);
            const std::string much(kMuch, 'm');
            writer.write(much);  // more than the kernel takes: the rest is queued
            writer.drain();
            writer.write("!");
            writer.write_eof();
            if (reader.read() != std::to_string(kMuch + 1)) {
                service.cut();
            }
        }
    );
}

void write_pieces(Trial& trial) {
    Service service(trial);
    service.run(&echo_lines, [&service](int port) {
        auto [reader, writer] = open_connection("127.0.0.1", port);
        const std::vector<std::string_view> pieces(10, kLine);
        writer.writelines(pieces);
        writer.write_eof();
        static_cast<void>(writer.peername());
        static_cast<void>(writer.sockname());
        if (reader.read().size() != pieces.size() * kLine.size()) {
            service.cut();
        }
    });
}

void connect_many(Trial& trial) {
    Service service(trial);
    service.run(
        &echo_lines,
        [&service](int port) {
            std::vector<Task<void>> clients;
            for (int i = 0; i < 4; ++i) {
                clients.push_back(spawn([&service, port] {
                    auto [reader, writer] = open_connection("127.0.0.1", port);
                    writer.write(kLine);
                    if (reader.readline() != kLine) {
                        service.cut();
                    }
                }));
            }
            for (const Task<void>& client : clients) {
                client.wait();
            }
            for (const Task<void>& client : clients) {
                await(client);
            }
        },
        {.kind = HandlerKind::Stealable, .on_every_loop = true}
    );
}

void throw_in_a_handler(Trial& trial) {
    Service service(trial);
    service.run(
        [](StreamReader reader, StreamWriter /*writer*/) {
            static_cast<void>(reader.readline());
            throw std::bad_alloc();
        },
        [](int port) {
            for (int i = 0; i < 2; ++i) {
                auto [reader, writer] = open_connection("127.0.0.1", port);
                writer.write(kLine);
                static_cast<void>(reader.read());
            }
        }
    );
}

void give_up_reading(Trial& trial) {
    Service service(trial);
    service.run(
        [](StreamReader reader, StreamWriter writer) {
            static_cast<void>(reader.readline());
            writer.write(kLine);
            static_cast<void>(reader.read());
        },
        [&service](int port) {
            auto connection = open_connection("127.0.0.1", port);
            auto& reader = connection.first;
            for (int i = 0; i < 3; ++i) {
                if (move_on_after(microseconds(50), [&] {
                        if (reader.readline().empty()) {
                            service.cut();
                        }
                    })) {
                    return;  // the handler has failed
                }
            }
            connection.second.write(kLine);
            if (reader.readline() != kLine) {
                service.cut();
            }
        }
    );
}

void close_under_clients(Trial& trial) {
    trial.act([] {
        const Server server = start_server(&echo_lines, "127.0.0.1", 0);
        auto [reader, writer] = open_connection("127.0.0.1", server.port());
        writer.write(kLine);
        static_cast<void>(reader.readline());
        server.close();
        writer.abort();
        server.wait_closed();
    });
}

void serve_until_cancelled(Trial& trial) {
    trial.act([] {
        const Server server = start_server(&echo_lines, "127.0.0.1", 0);
        auto serving = create_task([&server] { server.serve_forever(); });
        struct Close {
            const Server& server;
            const Task<void>& task;
            ~Close() {
                server.close();
                task.cancel();
            }
        };
        {
            const Close at_the_end{server, serving};
            auto [reader, writer] = open_connection("127.0.0.1", server.port());
            writer.write(kLine);
            static_cast<void>(reader.readline());
        }
        serving.wait();
        server.wait_closed();
    });
}

void connect_in_vain(Trial& trial) {
    trial.act([] {
        int port = 0;
        {
            const Server server = start_server(&echo_lines, "127.0.0.1", 0);
            port = server.port();
            server.close();
            server.wait_closed();
        }
        for (int i = 0; i < 4; ++i) {
            try {
                static_cast<void>(open_connection("127.0.0.1", port));
                Trial::note("nobody listens there", {});
            } catch (const OsError& error) {
                if (error.code() != std::errc::connection_refused) {
                    throw;
                }
            }
        }
    });
}

void resolve_a_name(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < 2; ++i) {
            const Server server = start_server(&echo_lines, "localhost", 0);
            {
                auto [reader, writer] = open_connection("localhost", server.port());
                writer.write(kLine);
                static_cast<void>(reader.readline());
            }
            server.close();
            server.wait_closed();
        }
    });
}

}  // namespace

Scenarios stream_scenarios() {
    return {
        {"stream_readline", &exchange_lines},
        {"stream_readexactly", &read_exactly},
        {"stream_readuntil", &read_until},
        {"stream_drain", &send_much},
        {"stream_writelines", &write_pieces},
        {"stream_many", &connect_many},
        {"stream_handler_throws", &throw_in_a_handler},
        {"stream_read_timeout", &give_up_reading},
        {"server_close", &close_under_clients},
        {"server_serve_forever", &serve_until_cancelled},
        {"connection_refused", &connect_in_vain},
        {"connection_by_name", &resolve_a_name},
    };
}

}  // namespace weft::test
