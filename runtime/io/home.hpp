#pragma once

#include <utility>

#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

namespace weft::rt {

/// The loop that something of io/ was made on, for as long as that loop lives and after.
///
/// A descriptor is of use only within its runtime, but its owner may be destroyed anywhere and at
/// any time: this is how the owner finds out, and how it reaches the loop from elsewhere.
class Home {
public:
    explicit Home(Worker& worker) noexcept
        : worker_(&worker),
          life_(worker.life()),
          runtime_life_(worker.scheduler().worker(0).life()) {}

    /// The worker that runs here; throws RuntimeError where none does.
    [[nodiscard]] static Worker& running(const char* what);

    /// Only while is_here(), or on the loop itself.
    [[nodiscard]] Worker& worker() const noexcept { return *worker_; }

    /// Whether a loop of this runtime runs on this thread.
    [[nodiscard]] bool is_here() const noexcept {
        Carrier* const carrier = current_carrier();
        // Addresses come again; the number of a life does not.
        return carrier != nullptr &&
               static_cast<Worker*>(carrier)->scheduler().worker(0).life() == runtime_life_;
    }
    /// Throws RuntimeError unless is_here().
    void require_here(const char* what) const {
        if (!is_here()) [[unlikely]] {
            throw_elsewhere(what);
        }
    }

    /// Calls `function` at once if is_here(), else has the loop call it; destroys it uncalled when
    /// the loop is gone.
    template <class F>
    void run(F&& function) const {
        if (is_here()) {
            function();
            return;
        }
        post_if_alive(worker_, life_, *detail::make_callback(std::forward<F>(function)).detach());
    }

private:
    [[noreturn]] static void throw_elsewhere(const char* what);

    Worker* worker_;
    std::uint64_t life_;
    std::uint64_t runtime_life_;
};

}  // namespace weft::rt
