#include <weft/detail/context_state.hpp>

#include "base/atomic.hpp"
#include "fiber/tls.hpp"
#include "task/carrier.hpp"
#include "task/task_state.hpp"

namespace weft::detail {
namespace {

rt::Atomic<ContextState::Key> next_key{1};  // relaxed: numbers need only differ

/// A place for an owned reference: in the task, with the loop's callback, or with the thread. Good
/// until the next suspension.
void*& context_here() noexcept {
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr) {
        return rt::context_of_thread([](void* context) noexcept {
            static_cast<ContextState*>(context)->release();
        });
    }
    TaskState* const task = carrier->current;
    return task != nullptr ? task->variables : carrier->callback_variables;
}

ContextState* peek() noexcept {
    return static_cast<ContextState*>(context_here());
}

}  // namespace

Ref<ContextState> ContextState::copy() const {
    auto other = Ref<ContextState>::adopt(new ContextState);
    const std::lock_guard lock(mutex_);
    other->values_ = values_;
    return other;
}

ContextState::Value ContextState::get(Key key) const {
    const std::lock_guard lock(mutex_);
    if (values_ == nullptr) {
        return nullptr;
    }
    const auto found = values_->find(key);
    return found != values_->end() ? found->second : nullptr;
}

ContextState::Value ContextState::set(Key key, Value value) {
    // What is replaced ends after the lock is free: it may be anything.
    std::shared_ptr<const Map> before;
    const std::lock_guard lock(mutex_);
    auto changed = values_ != nullptr ? std::make_shared<Map>(*values_) : std::make_shared<Map>();
    Value old;
    if (const auto found = changed->find(key); found != changed->end()) {
        old = found->second;
        changed->erase(found);
    }
    if (value != nullptr) {
        changed->emplace(key, std::move(value));
    }
    before = std::move(values_);
    values_ = std::move(changed);
    return old;
}

std::size_t ContextState::size() const {
    const std::lock_guard lock(mutex_);
    return values_ != nullptr ? values_->size() : 0;
}

ContextState::Key next_context_key() noexcept {
    return next_key.fetch_add(1, rt::relaxed);
}

Ref<ContextState> current_context() noexcept {
    return Ref<ContextState>::share(peek());
}

Ref<ContextState> own_context() {
    if (Ref<ContextState> context = current_context()) {
        return context;
    }
    auto made = Ref<ContextState>::adopt(new ContextState);
    context_here() = Ref<ContextState>(made).detach();
    return made;
}

Ref<ContextState> inherited_context() {
    const ContextState* const context = peek();
    return context != nullptr ? context->copy() : Ref<ContextState>();
}

Ref<ContextState> exchange_context(Ref<ContextState> context) noexcept {
    void* const before = std::exchange(context_here(), context.detach());
    return Ref<ContextState>::adopt(static_cast<ContextState*>(before));
}

}  // namespace weft::detail
