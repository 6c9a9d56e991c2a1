#include <unordered_map>
#include <utility>
#include <weft/detail/gather_state.hpp>
#include <weft/detail/holders.hpp>
#include <weft/errors.hpp>

namespace weft::detail {

/// What a child calls when it is done; it notices when it is dropped instead.
class GatherState::FromChild {
public:
    FromChild(GatherState& outer, std::size_t number) noexcept
        : outer_(Ref<GatherState>::share(&outer)), number_(number) {}
    FromChild(FromChild&&) noexcept = default;
    FromChild& operator=(FromChild&&) = delete;
    ~FromChild() {
        if (outer_) {
            outer_->child_gone(number_);
        }
    }
    void operator()(const Ref<FutureState>& child) {
        const Ref<GatherState> outer = std::move(outer_);
        outer->child_done(number_, child);
    }

private:
    Ref<GatherState> outer_;
    std::size_t number_;
};

GatherState::~GatherState() {
    if (holders_are_watched()) {
        forget_holders(this);
    }
}

void GatherState::start(const Children& arguments) {
    std::unordered_map<FutureState*, std::size_t> numbers;
    for (const Ref<FutureState>& argument : arguments) {
        const auto [place, first] = numbers.emplace(argument.get(), children_.size());
        arguments_.push_back(place->second);
        if (first) {
            children_.push_back({argument.get(), {}});
        }
    }
    unfinished_ = children_.size();  // before anybody is asked to tell
    // In the order of the arguments, as their callbacks run in that order.
    std::size_t number = 0;
    std::vector<std::pair<std::size_t, Ref<FutureState>>> done;
    for (const Ref<FutureState>& argument : arguments) {
        if (numbers.at(argument.get()) != number) {
            continue;  // had its turn
        }
        if (argument->done()) {
            done.emplace_back(number, argument);
        } else {
            if (holders_are_watched()) {
                note_awaited(this, *argument, false);
            }
            tell_when_done(*argument, make_done_callback(FromChild(*this, number)));
        }
        ++number;
    }
    for (const auto& [done_number, child] : done) {
        child_done(done_number, child);
    }
    if (arguments.empty()) {
        end_if_all_have();
    }
}

/// While children are being cancelled it is not known yet whether one accepts, so whoever finds all
/// of them ended meanwhile leaves the outcome to this. Asks for no memory: a runtime that ends
/// without any cancels like everybody.
class GatherState::Cancelling {
public:
    explicit Cancelling(GatherState& gather) : gather_(Ref<GatherState>::share(&gather)) {
        const std::lock_guard lock(gather.mutex_);
        ++gather.cancelling_;
    }
    Cancelling(const Cancelling&) = delete;
    Cancelling& operator=(const Cancelling&) = delete;
    ~Cancelling() {
        {
            const std::lock_guard lock(gather_->mutex_);
            --gather_->cancelling_;
            gather_->cancelled_ = gather_->cancelled_ || accepted;
        }
        gather_->end_if_all_have();
    }

    /// The next child that is pending, or null. One given twice comes twice, and is cancelled twice,
    /// as in asyncio.
    [[nodiscard]] Ref<FutureState> next() {
        const std::lock_guard lock(gather_->mutex_);
        while (next_ != gather_->arguments_.size()) {
            FutureState* const child = gather_->children_[gather_->arguments_[next_++]].pending;
            // One at its end waits for the mutex, to say that it is gone.
            if (child != nullptr && child->try_add_ref()) {
                return Ref<FutureState>::adopt(child);
            }
        }
        return {};
    }

    bool accepted = false;

private:
    const Ref<GatherState> gather_;
    std::size_t next_ = 0;  // of the arguments
};

bool GatherState::cancel(FutureState& state, const std::string& message) noexcept {
    auto& self = static_cast<GatherState&>(state);
    Cancelling cancelling(self);
    while (const Ref<FutureState> child = cancelling.next()) {
        cancelling.accepted = child->cancel(message) || cancelling.accepted;
    }
    const std::lock_guard lock(self.mutex_);
    if (self.gone_ != 0) {
        // Nobody but this can end them.
        self.message_ = copy_of_message(message);
        self.unfinished_ -= std::exchange(self.gone_, 0);
        cancelling.accepted = true;
    }
    return cancelling.accepted;
}

void GatherState::child_gone(std::size_t number) noexcept {
    const std::lock_guard lock(mutex_);
    children_[number].pending = nullptr;
    ++gone_;
}

void GatherState::child_done(std::size_t number, const Ref<FutureState>& child) noexcept {
    {
        const std::lock_guard lock(mutex_);
        children_[number] = {nullptr, child};
        --unfinished_;
    }
    if (holders_are_watched()) {
        forget_awaited(this, *child);
    }
    if (child->status() != Status::Value) {
        child->mark_error_seen();  // whatever becomes of it
        if (!return_exceptions_ && try_begin_finish()) {
            finish_as(*child);
            return;
        }
    }
    end_if_all_have();
}

void GatherState::end_if_all_have() noexcept {
    bool cancelled = false;
    {
        const std::lock_guard lock(mutex_);
        if (unfinished_ != 0 || cancelling_ != 0) {
            return;
        }
        cancelled = cancelled_;
    }
    if (!try_begin_finish()) {
        return;
    }
    try {
        collect(cancelled);
    } catch (...) {
        set_error(std::current_exception());
        finish(Status::Error);
    }
}

/// When all have ended: nobody changes the children any more.
void GatherState::collect(bool cancelled) {
    if (cancelled) {
        // The message of the last argument, as in CPython, whichever ended last. A gather is never
        // cancelled itself, and has none.
        const Ref<FutureState>& last = children_[arguments_.back()].ended;
        if (!last && message_ != nullptr) {
            finish_with_cancelled_error(*message_);
        } else {
            finish_with_cancelled_error(
                last && last->status() == Status::Cancelled ? last->cancel_message() : std::string()
            );
        }
        return;
    }
    Children ended;
    ended.reserve(arguments_.size());
    for (const std::size_t number : arguments_) {
        ended.push_back(children_[number].ended);
    }
    gather_operations_.collect(*this, ended);
    finish(Status::Value);
}

}  // namespace weft::detail
