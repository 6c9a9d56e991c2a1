#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <string>
#include <weft/config.hpp>

#include "command.hpp"
#include "output.hpp"

// The command-line tool `weft`.

namespace weft::tool {
namespace {

int run_tool(int argc, const char* const* argv) {
    CLI::App app("weft: tasks on every core");
    app.name("weft");
    app.set_version_flag("--version", "weft " WEFT_VERSION_STRING);
    app.require_subcommand(0, 1);  // that there is one is checked below: "bogus" is to be named
    const std::array commands{
        add_demo(app),
        add_echo(app),
        add_hash(app),
        add_bench(app),
        add_simulate(app),
        add_load(app),
    };
    const auto chosen = [&] {
        return std::ranges::find_if(commands, [](const Command& command) {
            return command.app->parsed();
        });
    };

    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return print(app.help()) ? kDone : kFailed;
    } catch (const CLI::CallForVersion& version) {
        return print(std::string(version.what()) + '\n') ? kDone : kFailed;
    } catch (const CLI::ParseError& error) {
        complain(chosen() == commands.end() ? "" : chosen()->app->get_name(), error.what());
        return kMisused;
    }
    if (chosen() == commands.end()) {
        complain(
            "", "a sub-command is missing: demo, echo, hash, bench or simulate; see weft --help"
        );
        return kMisused;
    }
    try {
        return chosen()->run();
    } catch (const std::exception& error) {
        complain(chosen()->app->get_name(), error.what());
        return kFailed;
    }
}

}  // namespace
}  // namespace weft::tool

int main(int argc, char** argv) {
    // A reader that has gone is an error of write(), and none of the whole process.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return weft::tool::run_tool(argc, argv);
    } catch (const std::exception& error) {
        weft::tool::complain("", error.what());
        return weft::tool::kFailed;
    }
}
