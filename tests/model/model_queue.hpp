#pragma once

#include <cstddef>
#include <vector>

#include "base/atomic.hpp"
#include "model/checker.hpp"

namespace weft::model {

/// The edge that moodycamel's queue gives each of its elements.
class QueueEdge {
public:
    void go_in() { given_.store(1, rt::release); }
    void come_out() { given_.fetch_add(0, rt::acquire); }

private:
    Atomic<int> given_{0};
};

/// How often, in one execution, a queue may lie. Set while the scenario is set up.
inline int lies_of_queues = 0;

/// moodycamel's queue: it orders its elements and nothing else, and may say empty though it is not. Its
/// elements have a QueueEdge, `handed_over`. No part of weft: what it does is not weakened.
template <class T>
class ModelQueue {
public:
    struct consumer_token_t {  // NOLINT: moodycamel's name
        explicit consumer_token_t(ModelQueue&) {}
    };
    bool enqueue(T* element) {
        element->handed_over.go_in();
        elements_.push_back(element);
        return true;
    }
    std::size_t try_dequeue_bulk(consumer_token_t&, T** out, std::size_t most) {
        if (!elements_.empty() && lies_of_queues > 0 && toss()) {
            --lies_of_queues;
            return 0;
        }
        std::size_t count = 0;
        while (count < most && !elements_.empty()) {
            T* const element = elements_.front();
            elements_.erase(elements_.begin());
            element->handed_over.come_out();
            out[count++] = element;
        }
        return count;
    }

private:
    std::vector<T*> elements_;
};

}  // namespace weft::model
