#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
#include <weft/detail/future_state.hpp>
#include <weft/detail/loop_api.hpp>

namespace weft::detail {

/// The future that gather() returns, without the type of its result.
///
/// Its children tell it on the loop of whoever called gather(), one turn after they are done, as
/// asyncio's do; a caller without a loop is told at once. Cancelling it cancels the children: it
/// ends when they have.
///
/// A child that is pending holds it, and not the other way round: else futures that nobody sets
/// would keep each other. One that is gone before it is done counts as pending until cancelled.
///
/// Threads   any.
class GatherState : public FutureState {
public:
    using Children = std::vector<Ref<FutureState>>;

    /// Once, after construction.
    void start(const Children& arguments);

protected:
    struct GatherOperations : FutureOperations {
        /// Makes the result of the children, all of which are done; lets exceptions out.
        void (*collect)(GatherState& state, const Children& arguments);
    };

    GatherState(const GatherOperations& operations, void* value, bool return_exceptions) noexcept
        : FutureState(operations, value, running_sink(), false),
          gather_operations_(operations),
          return_exceptions_(return_exceptions) {}
    ~GatherState();

    static bool cancel(FutureState& state, const std::string& message) noexcept;

private:
    class FromChild;
    class Cancelling;
    struct Child {
        FutureState* pending;    // null when it is done, or gone
        Ref<FutureState> ended;  // null when it is pending, or gone
    };

    void child_done(std::size_t number, const Ref<FutureState>& child) noexcept;
    void child_gone(std::size_t number) noexcept;
    void end_if_all_have() noexcept;
    void collect(bool cancelled);

    const GatherOperations& gather_operations_;
    const bool return_exceptions_;

    std::mutex mutex_;                    // for what follows; not held while a child is cancelled
    std::vector<Child> children_;         // each once
    std::vector<std::size_t> arguments_;  // the number of the child
    std::size_t unfinished_ = 0;
    std::size_t gone_ = 0;                  // of the unfinished
    std::size_t cancelling_ = 0;            // threads that are cancelling the children
    bool cancelled_ = false;                // a child has accepted a cancellation
    std::unique_ptr<std::string> message_;  // of that
};

}  // namespace weft::detail
