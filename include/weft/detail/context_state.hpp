#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <weft/detail/ref.hpp>

namespace weft::detail {

/// The values of context variables as one context has them. A copy shares the map until one of the
/// two is changed.
///
/// Threads   any: tasks of several loops may share a context.
class ContextState {
public:
    using Key = std::uint64_t;  // of a variable
    using Value = std::shared_ptr<const void>;

    ContextState() = default;
    ContextState(const ContextState&) = delete;
    ContextState& operator=(const ContextState&) = delete;

    void add_ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // acq_rel: what other holders did with it comes before its end
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    [[nodiscard]] Ref<ContextState> copy() const;
    [[nodiscard]] Value get(Key key) const;  ///< null when there is none
    Value set(Key key, Value value);         ///< null: takes it out; returns what was there
    [[nodiscard]] std::size_t size() const;

private:
    using Map = std::map<Key, Value>;

    ~ContextState() = default;

    std::atomic<std::uint32_t> references_{1};
    mutable std::mutex mutex_;
    std::shared_ptr<const Map> values_;  // under the mutex; null: empty
};

/// A number that no other variable has.
[[nodiscard]] ContextState::Key next_context_key() noexcept;

/// The context that code runs in here: the task's, the callback's, or the thread's. Null when
/// nothing has been set in it.
[[nodiscard]] Ref<ContextState> current_context() noexcept;
/// The same, made where there is none.
[[nodiscard]] Ref<ContextState> own_context();
/// A copy of the current one for something that is made here; null when that is empty.
[[nodiscard]] Ref<ContextState> inherited_context();
/// Makes another the current one; returns the one before.
[[nodiscard]] Ref<ContextState> exchange_context(Ref<ContextState> context) noexcept;

/// Runs code in a context, to the end of the scope.
class InContext {
public:
    explicit InContext(Ref<ContextState> context) noexcept
        : before_(exchange_context(std::move(context))) {}
    InContext(const InContext&) = delete;
    InContext& operator=(const InContext&) = delete;
    ~InContext() { static_cast<void>(exchange_context(std::move(before_))); }

private:
    Ref<ContextState> before_;
};

}  // namespace weft::detail
