#pragma once

#include <chrono>
#include <utility>
#include <vector>
#include <weft/detail/loop_api.hpp>
#include <weft/handle.hpp>
#include <weft/loop.hpp>

namespace weft::detail {

/// Callbacks that nobody needs when the scope is left.
class CallbackHandles {
public:
    CallbackHandles() = default;
    CallbackHandles(const CallbackHandles&) = delete;
    CallbackHandles& operator=(const CallbackHandles&) = delete;
    ~CallbackHandles() {
        for (Handle& handle : handles_) {
            handle.cancel();
        }
    }
    void add(Handle handle) { handles_.push_back(std::move(handle)); }
    /// Calls `tell(state)` when that is done: see tell_when_done().
    template <class F>
    void when_done(FutureState& state, F tell) {
        auto callback = make_done_callback([tell = std::move(tell)](const Ref<FutureState>& child) {
            tell(*child);
        });
        add(Handle{Ref<Callback>(callback)});
        tell_when_done(state, std::move(callback));
    }
    /// Calls `function()` after the time, by the loop that runs here; false where none does.
    template <class F>
    [[nodiscard]] bool after(Delay delay, F function) {
        if (running_sink() == nullptr) {
            return false;
        }
        add(get_running_loop().call_later(delay, std::move(function)));
        return true;
    }

private:
    std::vector<Handle> handles_;
};

}  // namespace weft::detail
