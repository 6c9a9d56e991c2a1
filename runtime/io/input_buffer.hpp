#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft::rt {

/// Bytes that were received and not read yet, in one piece.
///
/// Grows with what comes in at once and gives large memory back when it is empty.
class InputBuffer {
public:
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    [[nodiscard]] std::string_view view() const noexcept {
        return {storage_.data() + begin_, size()};
    }

    /// Room behind the data for the next receive, of at most `most` bytes, at least 1. Throws
    /// std::bad_alloc and leaves the data as they are.
    [[nodiscard]] std::span<char> room(std::size_t most) {
        const std::size_t wanted = std::max<std::size_t>(1, std::min(most, chunk_));
        if (storage_.size() - end_ < wanted) {
            make_room(wanted, most);
        }
        return {storage_.data() + end_, std::min(most, storage_.size() - end_)};
    }
    /// `count` bytes were received into the room.
    void commit(std::size_t count) noexcept {
        end_ += count;
        if (count >= chunk_) {
            chunk_ = std::min(2 * chunk_, kMostChunk);
        }
    }

    /// Takes the first `count` bytes out.
    [[nodiscard]] std::string take(std::size_t count) {
        if (count == size() && count >= kMovedOut) {
            return take_storage();
        }
        std::string taken(view().substr(0, count));
        drop(count);
        return taken;
    }
    /// Drops the first `count` bytes.
    void drop(std::size_t count) noexcept {
        begin_ += count;
        if (empty()) {
            clear();
        }
    }
    void clear() noexcept {
        begin_ = 0;
        end_ = 0;
        if (storage_.size() > kMostChunk) {
            std::string().swap(storage_);
        }
    }

private:
    static constexpr std::size_t kFirstChunk = 4096;
    static constexpr std::size_t kMostChunk = 64 * 1024;
    static constexpr std::size_t kMovedOut = 16 * 1024;

    void make_room(std::size_t wanted, std::size_t most) {
        if (begin_ > 0) {
            std::copy(
                storage_.begin() + static_cast<std::ptrdiff_t>(begin_),
                storage_.begin() + static_cast<std::ptrdiff_t>(end_),
                storage_.begin()
            );
            end_ -= begin_;
            begin_ = 0;
        }
        if (storage_.size() - end_ < wanted) {
            storage_.resize(end_ + std::max(wanted, std::min(end_, most)));
        }
    }
    std::string take_storage() {
        storage_.erase(0, begin_);
        storage_.resize(end_ - begin_);
        std::string taken = std::move(storage_);
        storage_ = std::string();
        begin_ = 0;
        end_ = 0;
        return taken;
    }

    std::string storage_;  // its size is the capacity; begin_ to end_ hold data
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t chunk_ = kFirstChunk;  // how much to ask for: doubles while it comes in full
};

}  // namespace weft::rt
