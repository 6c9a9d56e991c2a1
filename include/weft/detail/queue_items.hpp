#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::detail {

/// An item of a queue, without its type.
struct QueueNode {
    QueueNode* next = nullptr;
    QueueNode* child = nullptr;  ///< by priority: the first of those that come after it
    std::uint64_t sequence = 0;  ///< the order in which items were put
};

/// The order in which items are taken out.
struct QueueOrder {
    enum class Kind : std::uint8_t { Fifo, Lifo, Priority };

    Kind kind = Kind::Fifo;
    /// By priority: whether `left` is to be taken before `right`. It may not throw or suspend.
    bool (*before)(const QueueNode& left, const QueueNode& right) = nullptr;
};

/// The nodes in a queue, in their order: a list, or a pairing heap where they have priorities.
///
/// A node that comes back goes to where it was: new ones have higher sequences. Equal priorities
/// keep the order in which they were put.
///
/// Threads   one at a time.
class QueueItems {
public:
    explicit QueueItems(QueueOrder order) noexcept : order_(order) {}

    void push(QueueNode& node) noexcept;
    /// The next node; null when there is none.
    [[nodiscard]] QueueNode* pop() noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    [[nodiscard]] bool before(const QueueNode& left, const QueueNode& right) const noexcept;
    void insert(QueueNode& node) noexcept;
    [[nodiscard]] QueueNode* meld(QueueNode* left, QueueNode* right) const noexcept;
    [[nodiscard]] QueueNode* meld_all(QueueNode* siblings) const noexcept;

    QueueNode* head_ = nullptr;  // the next node; of a heap, its root
    QueueNode* tail_ = nullptr;  // of a list
    std::size_t size_ = 0;
    const QueueOrder order_;
};

}  // namespace weft::detail
