#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <weft/detail/context_state.hpp>
#include <weft/detail/ref.hpp>

namespace weft::detail {

/// Something a loop can run next: a task or a callback. Linked into one queue at a time.
struct Runnable {
    enum class Kind : std::uint8_t { Task, Callback };

    Runnable* next = nullptr;
    Kind kind;

protected:
    explicit Runnable(Kind what) noexcept : kind(what) {}
    ~Runnable() = default;
};

/// A function that waits for its turn on a loop; counted by its handles and by the queue it is in.
class Callback : public Runnable {
public:
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;

    void add_ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // acq_rel: what other holders did with it comes before its end
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    /// Calls the function unless cancelled. The function is gone afterwards.
    void run() {
        if (!claimed_.exchange(true, std::memory_order_acq_rel)) {
            call();
            drop();
        }
    }
    /// Drops the function and all it holds, unless it has been run. Any thread.
    void cancel() noexcept {
        cancelled_.store(true, std::memory_order_release);
        if (!claimed_.exchange(true, std::memory_order_acq_rel)) {
            drop();
        }
    }
    [[nodiscard]] bool cancelled() const noexcept {
        return cancelled_.load(std::memory_order_acquire);  // cancel's release store
    }
    /// Of one that waits for a future: whether that is done. It may not have been run yet.
    [[nodiscard]] bool told() const noexcept { return told_.load(std::memory_order_relaxed); }

    /// The context to run it in; before it is handed over. Null: an empty one.
    void set_context(Ref<ContextState> context) noexcept { context_ = std::move(context); }
    [[nodiscard]] const Ref<ContextState>& context() const noexcept { return context_; }

protected:
    Callback() noexcept : Runnable(Kind::Callback) {}
    virtual ~Callback() = default;

    void set_told() noexcept { told_.store(true, std::memory_order_relaxed); }

    virtual void call() = 0;
    virtual void drop() noexcept = 0;

private:
    Ref<ContextState> context_;
    std::atomic<std::uint32_t> references_{1};
    std::atomic<bool> claimed_{false};  // by the run or by the cancellation, once
    std::atomic<bool> cancelled_{false};
    std::atomic<bool> told_{false};  // relaxed: a hint for others
};

/// `Base`: Callback, or a kind of it that has an argument() for the function.
template <class F, class Base = Callback>
class CallbackOf final : public Base {
public:
    template <class G>
    explicit CallbackOf(G&& function) {
        ::new (static_cast<void*>(&function_)) F(std::forward<G>(function));
    }

private:
    ~CallbackOf() override {
        if (!dropped_) {
            drop();
        }
    }
    void call() override {
        struct DropOnThrow {
            CallbackOf* self;
            ~DropOnThrow() {
                if (self != nullptr) {
                    self->drop();
                }
            }
        } guard{this};
        if constexpr (std::is_invocable_v<F&>) {
            function_();
        } else {
            function_(Base::argument());
        }
        guard.self = nullptr;
    }
    void drop() noexcept override {
        dropped_ = true;
        function_.~F();
    }

    union {
        F function_;
    };
    bool dropped_ = false;
};

/// Makes a callback of a function without arguments; its result is ignored.
template <class F>
[[nodiscard]] Ref<Callback> make_callback(F&& function) {
    return Ref<Callback>::adopt(new CallbackOf<std::decay_t<F>>(std::forward<F>(function)));
}

}  // namespace weft::detail
