#pragma once

#include <cstddef>
#include <exception>
#include <utility>
#include <vector>
#include <weft/errors.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

namespace weft::test {

/// Tasks that depend on each other: when one fails the others are cancelled. It asks for memory only
/// when it is made, so that it adds nothing to what a scenario asks for.
class Crew {
public:
    Crew() { tasks_.reserve(kMost); }

    template <class F>
    void create(F function) {
        tasks_.push_back(create_task(std::move(function)));
    }
    template <class F>
    void spawn(F function) {
        tasks_.push_back(weft::spawn(std::move(function)));
    }

    [[nodiscard]] const Task<void>& operator[](std::size_t place) const { return tasks_[place]; }

    /// Waits for all and throws the first error; one that was cancelled is none.
    void join() {
        bool cancelled = false;
        for (bool all = false; !all; yield()) {
            all = true;
            for (const Task<void>& task : tasks_) {
                all = all && task.done();
                if (!cancelled && task.done() && !task.cancelled() && task.exception() != nullptr) {
                    cancelled = true;
                    cancel();
                }
            }
        }
        const std::vector<Task<void>> ended = std::move(tasks_);
        std::exception_ptr error;
        for (const Task<void>& task : ended) {
            if (!task.cancelled() && task.exception() != nullptr && error == nullptr) {
                error = task.exception();
            }
        }
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    }

    void cancel() const {
        for (const Task<void>& task : tasks_) {
            task.cancel();
        }
    }

private:
    static constexpr std::size_t kMost = 64;

    std::vector<Task<void>> tasks_;
};

}  // namespace weft::test
