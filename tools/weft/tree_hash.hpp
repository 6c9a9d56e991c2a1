#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "digest.hpp"

namespace weft::tool {

struct HashedFile {
    std::string path;
    Sha256 digest;
};

/// The regular files below a directory and their digests.
struct TreeHash {
    std::vector<HashedFile> files;      ///< by path, bytewise
    std::vector<std::string> problems;  ///< "PATH: why" for each that could not be read
    std::uint64_t bytes = 0;            ///< of the files
};

/// Hashes every regular file below `root` on `workers` loops (0: one a core). Symbolic links are
/// not followed, but `root` may be one. What cannot be read becomes a problem, and the rest goes on.
///
/// Errors   std::system_error, std::bad_alloc when the runtime cannot start.
/// Threads  a plain one; blocks.
[[nodiscard]] TreeHash hash_tree(const std::string& root, int workers);

/// Returns what sha256sum prints for these files, its escapes included.
[[nodiscard]] std::string listing(const TreeHash& tree);

}  // namespace weft::tool
