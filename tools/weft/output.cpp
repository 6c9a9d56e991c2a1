#include "output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/posix.hpp"

namespace weft::tool {
namespace {

/// Returns 0 or -errno.
long write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = rt::retried(::write, fd, text.data(), text.size());
        if (count < 0) {
            return count;
        }
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return 0;
}

}  // namespace

bool print(std::string_view text) {
    static bool reader_gone = false;  // print() is the main thread's alone
    if (reader_gone) {
        return true;
    }
    const long result = write_all(STDOUT_FILENO, text);
    if (result == -EPIPE) {
        reader_gone = true;
    } else if (result < 0) {
        const std::error_code error(static_cast<int>(-result), std::system_category());
        complain("", fmt::format("cannot write to stdout: {}", error.message()));
        return false;
    }
    return true;
}

void complain(std::string_view command, std::string_view text) {
    const std::string line =
        fmt::format("weft{}{}: {}\n", command.empty() ? "" : " ", command, one_line(text));
    print_error(line);
}

void print_error(std::string_view text) {
    // When stderr is gone, too, there is nobody left to tell.
    static_cast<void>(write_all(STDERR_FILENO, text));
}

std::string one_line(std::string_view text) {
    std::string result;
    for (const char character : text) {
        const auto code = static_cast<unsigned char>(character);
        if (character == '\n') {
            result += "\\n";
        } else if (code < 0x20 || code == 0x7f) {
            result += fmt::format("\\x{:02x}", code);
        } else {
            result += character;
        }
    }
    return result;
}

}  // namespace weft::tool
