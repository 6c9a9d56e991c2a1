#include "loop/exception_handler.hpp"

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <weft/detail/loop_api.hpp>
#include <weft/loop.hpp>

#include "base/never_destroyed.hpp"
#include "sched/scheduler.hpp"

// What is done about errors that nobody catches: the handler of the loop they concern, else the log.

namespace weft {
namespace {

using Shared = std::shared_ptr<const ExceptionHandler>;

/// By loop, as a report may come from a thread that knows no more than that, and late.
struct Handlers {
    std::mutex mutex;
    std::unordered_map<const detail::Sink*, std::pair<std::uint64_t, Shared>> by_loop;
};

Handlers& handlers() {
    static rt::NeverDestroyed<Handlers> all;  // a late report may ask
    return all.get();
}

Shared handler_of(const detail::Sink* loop, std::uint64_t& life) {
    Handlers& all = handlers();
    const std::lock_guard lock(all.mutex);
    const auto found = all.by_loop.find(loop);
    if (found == all.by_loop.end()) {
        return nullptr;
    }
    life = found->second.first;
    return found->second.second;
}

void call_handler(const Shared& handler, Loop& loop, const ExceptionContext& context) noexcept {
    try {
        (*handler)(loop, context);
    } catch (...) {
        rt::log_report("exception in the exception handler of a loop", std::current_exception());
        rt::log_report(context.message, context.exception);
    }
}

/// A report on its way to the thread of its loop. If it does not get there, it is logged.
class Delivery {
public:
    Delivery(Shared handler, detail::Sink* loop, rt::ErrorReport&& report)
        : handler_(std::move(handler)), loop_(loop), report_(std::move(report)) {}
    Delivery(Delivery&& other) noexcept
        : handler_(std::exchange(other.handler_, nullptr)),
          loop_(other.loop_),
          report_(std::move(other.report_)) {}
    Delivery& operator=(Delivery&&) = delete;
    ~Delivery() {
        if (handler_ != nullptr) {
            rt::log_report(report_.message, report_.error);
        }
    }

    void operator()() {
        const Shared handler = std::exchange(handler_, nullptr);
        const detail::InContext scope(report_.context);
        call_handler(handler, *loop_->loop(), {report_.message, report_.error, report_.subject});
    }

private:
    Shared handler_;
    detail::Sink* loop_;
    rt::ErrorReport report_;
};

bool take_report(rt::ErrorReport& report) {
    std::uint64_t life = 0;
    Shared handler = report.loop != nullptr ? handler_of(report.loop, life) : nullptr;
    if (handler == nullptr) {
        return false;
    }
    detail::Sink* const loop = report.loop;
    Delivery delivery(std::move(handler), loop, std::move(report));
    if (detail::running_sink() == loop) {
        delivery();
    } else {
        rt::post_if_alive(loop, life, *detail::make_callback(std::move(delivery)).detach());
    }
    return true;
}

}  // namespace

void rt::install_error_reporter() noexcept {
    set_error_reporter(&take_report);
}

void rt::forget_exception_handler(const detail::Sink* loop) noexcept {
    Shared last;  // ends after the lock is free: it may hold anything
    Handlers& all = handlers();
    const std::lock_guard lock(all.mutex);
    if (const auto found = all.by_loop.find(loop); found != all.by_loop.end()) {
        last = std::move(found->second.second);
        all.by_loop.erase(found);
    }
}

void Loop::set_exception_handler(ExceptionHandler handler) {
    check_open("set_exception_handler()");
    if (!handler) {
        rt::forget_exception_handler(sink_);
        return;
    }
    auto shared = std::make_shared<const ExceptionHandler>(std::move(handler));
    Handlers& all = handlers();
    const std::lock_guard lock(all.mutex);
    auto& place = all.by_loop[sink_];
    place.first = sink_->life();
    place.second.swap(shared);
}

ExceptionHandler Loop::get_exception_handler() const {
    std::uint64_t life = 0;
    const Shared handler = handler_of(sink_, life);
    return handler != nullptr ? *handler : ExceptionHandler();
}

void Loop::default_exception_handler(const ExceptionContext& context) noexcept {
    rt::log_report(context.message, context.exception);
}

void Loop::call_exception_handler(const ExceptionContext& context) noexcept {
    std::uint64_t life = 0;
    if (const Shared handler = handler_of(sink_, life); handler != nullptr) {
        call_handler(handler, *this, context);
    } else {
        default_exception_handler(context);
    }
}

}  // namespace weft
