#include <memory>
#include <string>

#include "command.hpp"
#include "output.hpp"
#include "tree_hash.hpp"

// weft hash: sha256sum of a whole tree, on every core.

namespace weft::tool {
namespace {

struct HashOptions {
    std::string directory;
    int workers = 0;
};

int hash(const HashOptions& options) {
    const TreeHash tree = hash_tree(options.directory, options.workers);
    for (const std::string& problem : tree.problems) {
        complain("hash", problem);
    }
    const bool printed = print(listing(tree));
    return printed && tree.problems.empty() ? kDone : kFailed;
}

}  // namespace

Command add_hash(CLI::App& app) {
    auto options = std::make_shared<HashOptions>();
    CLI::App* const command = app.add_subcommand(
        "hash", "Print the SHA-256 of every regular file below a directory, as sha256sum does"
    );
    command->add_option("DIR", options->directory, "Where to begin; links below are not followed")
        ->option_text(" ")
        ->required()
        ->check(CLI::ExistingDirectory);
    command->add_option("--workers", options->workers, "How many loops; without: one a core")
        ->option_text("N")
        ->check(CLI::Range(1, kWorkersMax));
    return {command, [options] { return hash(*options); }};
}

}  // namespace weft::tool
