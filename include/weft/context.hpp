#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/detail/context_state.hpp>
#include <weft/errors.hpp>

namespace weft {

template <class T>
class ContextVar;

/// The values of context variables. Every task has a context of its own, a copy of its maker's as
/// that was when the task was made, and takes it along when it moves. Copies of this handle are
/// handles of the same context.
///
/// Threads   any; tasks may share one.
/// asyncio   contextvars.Context
class Context {
public:
    /// Makes an empty context.
    ///
    /// Errors    std::bad_alloc.
    Context() : state_(detail::Ref<detail::ContextState>::adopt(new detail::ContextState)) {}

    /// Calls `function()` in this context: what it sets stays in it. Returns what that returns.
    ///
    /// Suspends  where `function` does; other tasks do not see this context.
    /// Errors    what `function` throws.
    /// asyncio   Context.run
    template <class F>
    decltype(auto) run(F&& function) const {
        const detail::InContext scope(state_);
        return std::forward<F>(function)();
    }

    /// Returns how many variables have a value in it.
    [[nodiscard]] std::size_t size() const { return state_->size(); }

    /// Returns whether the variable has a value in it.
    template <class T>
    [[nodiscard]] bool contains(const ContextVar<T>& variable) const {
        return state_->get(variable.key()) != nullptr;
    }

    /// For weft's own headers.
    explicit Context(detail::Ref<detail::ContextState> state) noexcept : state_(std::move(state)) {}
    [[nodiscard]] const detail::Ref<detail::ContextState>& state() const noexcept { return state_; }

private:
    detail::Ref<detail::ContextState> state_;
};

/// Returns a copy of the current context.
///
/// Suspends  never.
/// Errors    std::bad_alloc.
/// Threads   any; a plain thread has a context of its own, too.
/// asyncio   contextvars.copy_context
[[nodiscard]] inline Context copy_context() {
    auto state = detail::inherited_context();
    return state ? Context(std::move(state)) : Context();
}

/// A variable of which every task has its own value: that of its maker, until it sets another. What
/// thread_local is for threads. Usually a global.
///
/// Threads   any.
/// asyncio   contextvars.ContextVar
template <class T>
class ContextVar {
public:
    /// What set() returns, for reset(): the value before, once.
    ///
    /// asyncio   contextvars.Token
    class Token {
    private:
        friend class ContextVar;
        Token(
            std::uint64_t key,
            detail::Ref<detail::ContextState> context,
            detail::ContextState::Value before
        ) noexcept
            : key_(key), context_(std::move(context)), before_(std::move(before)) {}

        std::uint64_t key_;
        detail::Ref<detail::ContextState> context_;  // null: used
        detail::ContextState::Value before_;
    };

    explicit ContextVar(std::string name) : name_(std::move(name)) {}
    /// `fallback`: what get() returns where nothing was set.
    ContextVar(std::string name, T fallback)
        : name_(std::move(name)), fallback_(std::move(fallback)) {}
    ContextVar(const ContextVar&) = delete;
    ContextVar& operator=(const ContextVar&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// Returns the current context's value, or the variable's default.
    ///
    /// Errors    LookupError when there is neither.
    /// asyncio   ContextVar.get
    [[nodiscard]] T get() const {
        if (const auto value = current()) {
            return *static_cast<const T*>(value.get());
        }
        if (!fallback_) {
            throw LookupError("context variable '" + name_ + "' has no value here, and no default");
        }
        return *fallback_;
    }
    /// Returns the current context's value, or `fallback`.
    [[nodiscard]] T get(T fallback) const {
        const auto value = current();
        return value != nullptr ? *static_cast<const T*>(value.get()) : std::move(fallback);
    }

    /// Gives it a value in the current context.
    ///
    /// Errors    std::bad_alloc: then nothing has changed.
    /// Returns   what reset() takes.
    /// asyncio   ContextVar.set
    Token set(T value) const {
        auto context = detail::own_context();
        auto before = context->set(key_, std::make_shared<const T>(std::move(value)));
        return Token(key_, std::move(context), std::move(before));
    }

    /// Gives it the value back that it had before the set() that made the token.
    ///
    /// Errors    RuntimeError when the token was used; ValueError when it is of another variable or
    ///           was made in another context.
    /// asyncio   ContextVar.reset
    void reset(Token& token) const {
        if (token.key_ != key_) {
            throw ValueError("reset() of '" + name_ + "': the token is of another variable");
        }
        if (!token.context_) {
            throw RuntimeError("reset() of '" + name_ + "': the token was used already");
        }
        if (detail::current_context().get() != token.context_.get()) {
            throw ValueError("reset() of '" + name_ + "': the token was made in another context");
        }
        token.context_->set(key_, std::move(token.before_));
        token.context_ = {};
    }

    /// For weft's own headers.
    [[nodiscard]] std::uint64_t key() const noexcept { return key_; }

private:
    [[nodiscard]] detail::ContextState::Value current() const {
        const auto context = detail::current_context();
        return context ? context->get(key_) : nullptr;
    }

    const std::uint64_t key_ = detail::next_context_key();
    const std::string name_;
    const std::optional<T> fallback_;
};

}  // namespace weft
