#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <list>
#include <span>
#include <string>
#include <string_view>

namespace weft::rt {

/// Bytes that are still to be sent, in the order of the writes.
///
/// Memory is asked for outside of the owner's lock (pack), and under it things only change hands.
class OutputQueue {
public:
    using Pieces = std::list<std::string>;

    /// Copies what is left of `data` after its first `skip` bytes into one piece.
    [[nodiscard]] static Pieces pack(std::span<const std::string_view> data, std::size_t skip) {
        std::size_t size = 0;
        for (const std::string_view& part : data) {
            size += part.size();
        }
        size -= skip;
        Pieces pieces;
        std::string& piece = pieces.emplace_back();
        piece.reserve(size < kSmallPiece ? kSmallPiece : size);
        for (const std::string_view& part : data) {
            const std::size_t skipped = skip < part.size() ? skip : part.size();
            piece.append(part.substr(skipped));
            skip -= skipped;
        }
        return pieces;
    }

    [[nodiscard]] bool empty() const noexcept { return pieces_.empty(); }
    void push_back(Pieces& pieces) noexcept { pieces_.splice(pieces_.end(), pieces); }
    void push_front(Pieces& pieces) noexcept { pieces_.splice(pieces_.begin(), pieces); }
    /// Adds small data to the last piece, where that has room for it.
    [[nodiscard]] bool append_small(std::string_view data) noexcept {
        if (pieces_.empty() || data.size() > kSmallPiece) {
            return false;
        }
        std::string& last = pieces_.back();
        if (last.capacity() - last.size() < data.size()) {
            return false;
        }
        last.append(data);
        return true;
    }
    [[nodiscard]] Pieces take_all() noexcept {
        Pieces taken;
        taken.swap(pieces_);
        return taken;
    }

private:
    static constexpr std::size_t kSmallPiece = 4096;

    Pieces pieces_;
};

}  // namespace weft::rt
