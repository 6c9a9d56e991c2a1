#include <utility>
#include <weft/detail/queue_items.hpp>

namespace weft::detail {

void QueueItems::push(QueueNode& node) noexcept {
    ++size_;
    node.next = nullptr;
    node.child = nullptr;
    if (order_.kind == QueueOrder::Kind::Priority) {
        head_ = meld(head_, &node);
    } else {
        insert(node);
    }
}

QueueNode* QueueItems::pop() noexcept {
    QueueNode* const node = head_;
    if (node == nullptr) {
        return nullptr;
    }
    --size_;
    if (order_.kind == QueueOrder::Kind::Priority) {
        head_ = meld_all(node->child);
        return node;
    }
    head_ = node->next;
    if (head_ == nullptr) {
        tail_ = nullptr;
    }
    return node;
}

bool QueueItems::before(const QueueNode& left, const QueueNode& right) const noexcept {
    switch (order_.kind) {
        case QueueOrder::Kind::Lifo:
            return left.sequence > right.sequence;
        case QueueOrder::Kind::Priority:
            if (order_.before(left, right)) {
                return true;
            }
            if (order_.before(right, left)) {
                return false;
            }
            break;
        case QueueOrder::Kind::Fifo:
            break;
    }
    return left.sequence < right.sequence;
}

/// Into the list: a new node is at one of the ends, one that comes back is near one.
void QueueItems::insert(QueueNode& node) noexcept {
    if (tail_ == nullptr || before(*tail_, node)) {
        (tail_ != nullptr ? tail_->next : head_) = &node;
        tail_ = &node;
        return;
    }
    QueueNode** link = &head_;
    while (before(**link, node)) {
        link = &(*link)->next;
    }
    node.next = *link;
    *link = &node;
}

QueueNode* QueueItems::meld(QueueNode* left, QueueNode* right) const noexcept {
    if (left == nullptr || right == nullptr) {
        return left != nullptr ? left : right;
    }
    if (before(*right, *left)) {
        std::swap(left, right);
    }
    right->next = left->child;
    left->child = right;
    return left;
}

/// In pairs from the first on, then the pairs from the last on: that bounds what many pops cost.
QueueNode* QueueItems::meld_all(QueueNode* siblings) const noexcept {
    QueueNode* pairs = nullptr;
    while (siblings != nullptr) {
        QueueNode* const first = siblings;
        QueueNode* const second = first->next;
        siblings = second != nullptr ? second->next : nullptr;
        first->next = nullptr;
        if (second != nullptr) {
            second->next = nullptr;
        }
        QueueNode* const pair = meld(first, second);
        pair->next = pairs;
        pairs = pair;
    }
    QueueNode* root = nullptr;
    while (pairs != nullptr) {
        QueueNode* const pair = std::exchange(pairs, pairs->next);
        pair->next = nullptr;
        root = meld(root, pair);
    }
    return root;
}

}  // namespace weft::detail
