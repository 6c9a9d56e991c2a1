#include "files.hpp"

#include <fstream>
#include <iterator>
#include <system_error>

namespace weft::tool {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    throw std::system_error(
        std::make_error_code(std::errc::io_error), std::string(what) + path.string()
    );
}

}  // namespace

void write_file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
        fail("cannot write ", path);
    }
}

std::string read_file(const std::filesystem::path& path) {
    // A folder can be opened, and is empty to a stream.
    std::ifstream file(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path)) {
        fail("cannot read ", path);
    }
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (file.bad()) {
        fail("cannot read ", path);
    }
    return text;
}

}  // namespace weft::tool
