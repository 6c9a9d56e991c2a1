#include <algorithm>
#include <weft/loop.hpp>
#include <weft/runtime.hpp>

#include "base/clock.hpp"
#include "fiber/overflow.hpp"
#include "sched/scheduler.hpp"
#include "task/carrier.hpp"

namespace weft {
namespace {

rt::Worker& worker_of(detail::Sink* sink) {
    return static_cast<rt::Worker&>(*sink);
}

RuntimeOptions single_loop() {
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;  // the thread is the caller's
    return options;
}

}  // namespace

Loop::Loop() : own_(std::make_unique<Runtime>(single_loop())) {
    sink_ = own_->loop(0).sink_;
    runtime_ = own_.get();
}

Loop::Loop(OfRuntime /*tag*/) noexcept {}

Loop::~Loop() = default;

void Loop::check_open(const char* what) const {
    if (closed_) {
        throw RuntimeError(std::string(what) + ": the event loop is closed");
    }
}

void Loop::post(detail::Ref<detail::Callback> callback, const char* what, bool from_any) {
    check_open(what);
    if (!from_any && detail::running_sink() != sink_ && is_running()) {
        throw RuntimeError(
            std::string(what) + " from another thread than the loop's; use call_soon_threadsafe()"
        );
    }
    sink_->post(*callback.detach());
}

void Loop::post_at(
    std::chrono::steady_clock::time_point when, detail::Ref<detail::Callback> callback
) {
    check_open("call_at()");
    if (detail::running_sink() != sink_ && is_running()) {
        throw RuntimeError("call_at() from another thread than the loop's");
    }
    const rt::Nanos nanos =
        std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
    rt::Worker& worker = worker_of(sink_);
    worker.post_at(nanos, *callback);
    static_cast<void>(callback.detach());
}

void Loop::check_can_run() const {
    check_open("run");
    if (rt::current_carrier() != nullptr) {
        throw RuntimeError("cannot run the event loop while another loop is running on this thread"
        );
    }
    if (own_ == nullptr) {
        throw RuntimeError("this loop is a runtime's; run it with Runtime::run() or start()");
    }
    if (is_running()) {
        throw RuntimeError("this event loop is already running");
    }
}

void Loop::run_forever() {
    check_can_run();
    rt::install_overflow_handler();
    const rt::SignalStack signal_stack;
    worker_of(sink_).drive();
}

void Loop::run_once(std::optional<Delay> timeout) {
    check_can_run();
    rt::install_overflow_handler();
    const rt::SignalStack signal_stack;
    const rt::Nanos longest = timeout ? timeout->nanos().count() : rt::kNever;
    worker_of(sink_).drive_once(std::max<rt::Nanos>(longest, 0));
}

int Loop::fd() const noexcept {
    return worker_of(sink_).reactor().fd();
}

std::optional<std::chrono::nanoseconds> Loop::next_timeout() const {
    const rt::Nanos longest = worker_of(sink_).longest_wait();
    return longest != rt::kNever ? std::optional(std::chrono::nanoseconds(longest)) : std::nullopt;
}

void Loop::run_until_done(detail::FutureState& state) {
    own_->drive_until_done(state);
    if (!state.done()) {
        throw RuntimeError("the event loop stopped before the future completed");
    }
}

void Loop::stop() {
    if (own_ == nullptr) {
        throw RuntimeError("stop(): this loop is a runtime's, which ends with its run()");
    }
    worker_of(sink_).stop();
}

void Loop::close() {
    if (closed_) {
        return;
    }
    if (own_ == nullptr) {
        throw RuntimeError("this loop is a runtime's, which closes it");
    }
    if (is_running()) {
        throw RuntimeError("cannot close a running event loop");
    }
    own_->shutdown();
    closed_ = true;
}

bool Loop::is_running() const noexcept {
    return worker_of(sink_).driven();
}

std::chrono::steady_clock::time_point Loop::time() const noexcept {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(worker_of(sink_).now()));
}

int Loop::index() const noexcept {
    return worker_of(sink_).index();
}

Loop& get_running_loop() {
    Loop* const loop = detail::loop_of(detail::running_sink());
    if (loop == nullptr) {
        throw RuntimeError("no running event loop");
    }
    return *loop;
}

}  // namespace weft
