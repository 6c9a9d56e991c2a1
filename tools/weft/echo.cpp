#include <fmt/format.h>

#include <csignal>
#include <memory>
#include <string>
#include <weft/runtime.hpp>

#include "command.hpp"
#include "echo_server.hpp"
#include "output.hpp"

// weft echo: the server of `weft demo` alone, for load generators of others.

namespace weft::tool {
namespace {

struct EchoOptions {
    std::string host = "127.0.0.1";
    int port = 0;
    int loops = 0;
    std::string handler = "pinned";
};

/// SIGINT and SIGTERM, kept from ending the process: they wait until somebody asks for them.
class EndSignals {
public:
    /// Before any other thread starts, as threads inherit what is blocked.
    EndSignals() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGINT);
        sigaddset(&signals_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }

    void wait() const {
        int signal = 0;
        sigwait(&signals_, &signal);
    }

private:
    sigset_t signals_{};
};

int echo(const EchoOptions& options) {
    const EndSignals end_signals;
    RuntimeOptions runtime_options;
    runtime_options.workers = options.loops;
    Runtime runtime(runtime_options);
    runtime.start();
    const HandlerKind kind =
        options.handler == "pinned" ? HandlerKind::Pinned : HandlerKind::Stealable;
    const EchoServer server(runtime, options.host, options.port, kind);
    if (!print(fmt::format("listening on {}:{}\n", options.host, server.port()))) {
        return kFailed;  // whoever waits for the line would wait for ever
    }
    end_signals.wait();
    return kDone;
}

}  // namespace

Command add_echo(CLI::App& app) {
    auto options = std::make_shared<EchoOptions>();
    CLI::App* const command =
        app.add_subcommand("echo", "Send back whatever comes over TCP, until SIGINT or SIGTERM");
    command->add_option("--port", options->port, "Where to listen; 0: the kernel chooses")
        ->option_text("P")
        ->required()
        ->check(CLI::Range(0, kPortMax));
    command->add_option("--host", options->host, "The address to listen on; without: 127.0.0.1")
        ->option_text("ADDRESS");
    command->add_option("--loops", options->loops, "How many loops; without: one a core")
        ->option_text("N")
        ->check(CLI::Range(1, kWorkersMax));
    command
        ->add_option(
            "--handler", options->handler, "Whether a connection stays on its loop (without: so)"
        )
        ->option_text("pinned|stealable")
        ->check(CLI::IsMember({"pinned", "stealable"}));
    return {command, [options] { return echo(*options); }};
}

}  // namespace weft::tool
