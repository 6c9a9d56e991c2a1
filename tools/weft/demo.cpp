#include "demo.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <weft/config.hpp>

#include "command.hpp"
#include "files.hpp"
#include "output.hpp"

// weft demo: what weft is for, on this machine, checked and measured.

namespace weft::tool {
namespace {

struct DemoOptions {
    std::string directory = "/usr/share/doc";
    std::string out = "build/demo";
    double seconds = 5;
};

int demo(const DemoOptions& options) {
    const std::filesystem::path out(options.out);
    std::filesystem::create_directories(out);
    std::filesystem::remove(out / "report.json");  // so that a failed run leaves no old one
    std::string text;
    const auto show = [&text](const std::string& part) {
        text += part + '\n';
        print(part + '\n');
    };

    show(fmt::format(
        "weft " WEFT_VERSION_STRING ": echoes for 2 x {} s, then the files of {}\n",
        options.seconds,
        one_line(options.directory)
    ));
    Json serve = Json::array();
    for (const HandlerKind kind : {HandlerKind::Pinned, HandlerKind::Stealable}) {
        serve.push_back(demo_serve(kind, options.seconds));
    }
    show(serve_table(serve));
    // By its full name without links: find(1) would take some others for options.
    const Json hash = demo_hash(std::filesystem::canonical(options.directory).string());
    show(hash_table(hash));

    bool ok = hash.at("ok").get<bool>();
    for (const Json& run : serve) {
        ok = ok && run.at("ok").get<bool>();
    }
    show(ok ? "ok: every answer was right" : "FAILED: there were wrong answers");
    const Json report{
        {"version", WEFT_VERSION_STRING}, {"ok", ok}, {"serve", serve}, {"hash", hash}};
    write_file(out / "report.json", json_text(report));
    write_file(out / "report.txt", text);
    return ok ? kDone : kFailed;
}

}  // namespace

Command add_demo(CLI::App& app) {
    constexpr double kSecondsMax = 20;  // twice, and all of it stays below a minute
    auto options = std::make_shared<DemoOptions>();
    CLI::App* const command =
        app.add_subcommand("demo", "Serve echoes and hash a tree, check the answers, show figures");
    command->add_option("--dir", options->directory, "What to hash; without: /usr/share/doc")
        ->option_text("DIR")
        ->check(CLI::ExistingDirectory);
    command
        ->add_option(
            "--seconds", options->seconds, "How long each of two servers is loaded; without: 5"
        )
        ->option_text("S")
        ->check(seconds_between(0.1, kSecondsMax));
    command
        ->add_option(
            "--out", options->out, "Where report.json and report.txt go; without: build/demo"
        )
        ->option_text("DIR");
    return {command, [options] { return demo(*options); }};
}

}  // namespace weft::tool
