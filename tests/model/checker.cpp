#include "model/checker.hpp"

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace weft::model {
namespace {

namespace context = boost::context::detail;

constexpr std::size_t kStackBytes = 128 * 1024;
// An execution of a scenario that is this long goes in circles.
constexpr long kMostSteps = 5'000;
// The thread that sets a scenario up and checks its end, while no virtual one runs.
constexpr int kDirector = static_cast<int>(kMostThreads);
// How often in a row a thread may be shown the same overwritten value: a store is seen in the end.
constexpr int kMostRepeats = 2;

/// What a thread knows: which stores of each location, which steps of each thread.
struct View {
    std::array<std::uint8_t, kMostLocations> seen{};
    std::array<std::uint16_t, kMostThreads + 1> clock{};

    void join(const View& other) noexcept {
        for (std::size_t i = 0; i < kMostLocations; ++i) {
            seen[i] = std::max(seen[i], other.seen[i]);
        }
        for (std::size_t i = 0; i < clock.size(); ++i) {
            clock[i] = std::max(clock[i], other.clock[i]);
        }
    }
};

struct Store {
    Bits value = 0;
    View view;  // what an acquire of it makes known
};

struct Memory {
    std::vector<Store> history;
    const void* address = nullptr;
    std::array<std::int8_t, kMostThreads + 1> repeats{};  // overwritten values shown in a row
};

struct VirtualThread {
    const char* name = "";
    std::function<void()> body;
    context::fcontext_t context = nullptr;
    View view;
    Signal* sleeps_on = nullptr;
    bool daemon = false;
    bool done = false;
    bool fresh = true;     // has not reached its first operation
    bool loaded = false;   // its last operation was a relaxed load
    bool passing = false;  // lets the others come first
};

struct Choice {
    std::uint8_t count;
    std::uint8_t chosen;
};

struct Named {
    const char* name;
    Bits from;
    std::size_t size;
};

bool acquires(std::memory_order order) noexcept {
    return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}
bool releases(std::memory_order order) noexcept {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}

std::memory_order weakened(std::memory_order order, Mutation::Change change) noexcept {
    const bool acquire = acquires(order) && change == Mutation::Change::NoRelease;
    const bool release = releases(order) && change == Mutation::Change::NoAcquire;
    return acquire   ? std::memory_order_acquire
           : release ? std::memory_order_release
                     : std::memory_order_relaxed;
}

const char* name_of(std::memory_order order) noexcept {
    switch (order) {
        case std::memory_order_relaxed:
            return "relaxed";
        case std::memory_order_acquire:
        case std::memory_order_consume:
            return "acquire";
        case std::memory_order_release:
            return "release";
        case std::memory_order_acq_rel:
            return "acq_rel";
        case std::memory_order_seq_cst:
            return "seq_cst";
    }
    return "";
}

}  // namespace

/// The state of one exploration. There is one at a time, and one real thread.
class Checker {
public:
    Checker(const Limits& limits, const std::optional<Mutation>& mutation)
        : limits_(limits), mutation_(mutation) {
        for (auto& stack : stacks_) {
            stack = std::make_unique<std::byte[]>(kStackBytes);
        }
    }

    Report explore(const Scenario& scenario);
    /// From here on they are noted.
    void note_uses(std::vector<Use>& uses) noexcept { uses_ = &uses; }

    // ---- set-up
    std::size_t add_location(Bits initial, const void* address);
    void add_thread(const char* name, std::function<void()> body, bool daemon);

    // ---- operations
    Bits load(std::size_t location, std::memory_order order, const Place& place);
    void store(std::size_t location, Bits value, std::memory_order order, const Place& place);
    template <class Change>  // of the old value, to the new one or to nothing
    bool modify(
        std::size_t location,
        Bits& old,
        Change change,
        std::memory_order success,
        std::memory_order failure,
        const Place& place
    );
    bool fails_for_no_reason() {
        const bool may = spurious_failures_ < limits_.spurious_failures && current_ != kDirector;
        const bool does = may && choose(2) == 1;
        spurious_failures_ += does ? 1 : 0;
        return does;
    }
    void heavy_barrier();
    void sleep(Signal& signal);
    void raise();
    void pass();
    int choose(int count);
    void fail(std::string why);

    [[nodiscard]] View& view() noexcept {
        return current_ == kDirector ? director_ : thread(current_).view;
    }
    [[nodiscard]] int current() const noexcept { return current_; }
    void tell(const char* what, const Place& place, const std::string& detail);

    std::function<void()> at_end;
    std::vector<std::shared_ptr<void>> kept;
    std::vector<Named> names;

private:
    VirtualThread& thread(int index) noexcept { return threads_[static_cast<std::size_t>(index)]; }
    static void enter(context::transfer_t from);
    void begin();
    void run(const Scenario& scenario);
    [[nodiscard]] bool next_path() noexcept;
    [[nodiscard]] bool enabled(int index) noexcept {
        const VirtualThread& one = thread(index);
        return !one.done && (one.sleeps_on == nullptr || one.sleeps_on->raised());
    }
    [[nodiscard]] int pick();
    [[nodiscard]] int pick_other();
    void point(bool relaxed_load = false);
    void leave_to(int next);
    void append(std::size_t location, Bits value, std::memory_order order, const View* sequence);
    std::memory_order mutate(std::memory_order order, const Place& place) noexcept;
    [[nodiscard]] bool is_mutated(const Place& place, Mutation::Change change) noexcept;
    [[nodiscard]] bool hits(const Place& place) noexcept;
    void note(const Place& place, std::memory_order order, bool modifies, bool changes_nothing);
    [[nodiscard]] const Named* find_name(Bits address) const;
    [[nodiscard]] std::string text(Bits value) const;
    [[nodiscard]] std::string text_of(std::size_t location) const;

    const Limits limits_;
    const std::optional<Mutation> mutation_;
    std::vector<Choice> path_;
    std::size_t position_ = 0;

    std::array<VirtualThread, kMostThreads> threads_;
    std::array<std::unique_ptr<std::byte[]>, kMostThreads> stacks_;
    int thread_count_ = 0;
    std::array<Memory, kMostLocations> memory_;
    std::size_t location_count_ = 0;
    View director_;
    View total_;  // of the seq_cst operations

    context::fcontext_t director_context_ = nullptr;
    int current_ = kDirector;
    int next_ = -1;
    int preemptions_ = 0;
    int stale_reads_ = 0;
    int spurious_failures_ = 0;
    long steps_ = 0;
    long all_steps_ = 0;
    bool mutated_ = false;
    bool has_barriers_ = false;  // the scenario comes to a heavy barrier
    bool again_ = false;         // that has only been found out in this run: everything anew
    std::vector<Use>* uses_ = nullptr;
    bool telling_ = false;
    std::string failure_;
    std::string story_;
};

namespace {
Checker* checker = nullptr;
}  // namespace

// ---- the paths

Report Checker::explore(const Scenario& scenario) {
    Report report;
    for (;;) {
        run(scenario);
        ++report.executions;
        if (std::exchange(again_, false)) {
            path_.clear();
            continue;
        }
        if (!failure_.empty()) {
            report.failure = failure_;
            telling_ = true;  // the same way once more, aloud
            run(scenario);
            report.story = story_;
            break;
        }
        if (!next_path()) {
            report.complete = true;
            break;
        }
        if (report.executions >= limits_.executions) {
            break;
        }
    }
    report.steps = all_steps_;
    report.mutated = mutated_;
    begin();
    return report;
}

bool Checker::next_path() noexcept {
    while (!path_.empty() && path_.back().chosen + 1 == path_.back().count) {
        path_.pop_back();
    }
    if (path_.empty()) {
        return false;
    }
    ++path_.back().chosen;
    return true;
}

int Checker::choose(int count) {
    if (count <= 1) {
        return 0;
    }
    if (position_ == path_.size()) {
        path_.push_back({static_cast<std::uint8_t>(count), 0});
    }
    return path_[position_++].chosen;
}

void Checker::begin() {
    // Those that were left in the middle are not unwound: nothing on their stacks owns anything.
    for (VirtualThread& one : threads_) {
        one = VirtualThread{};
    }
    at_end = nullptr;
    kept.clear();
    names.clear();
    thread_count_ = 0;
    location_count_ = 0;
    director_ = View{};
    total_ = View{};
    current_ = kDirector;
    position_ = 0;
    preemptions_ = 0;
    stale_reads_ = 0;
    spurious_failures_ = 0;
    steps_ = 0;
    failure_.clear();
    story_.clear();
}

void Checker::run(const Scenario& scenario) {
    begin();
    Execution execution;
    scenario(execution);
    ++director_.clock[static_cast<std::size_t>(kDirector)];
    for (int i = 0; i < thread_count_; ++i) {
        thread(i).view = director_;
        thread(i).context = context::make_fcontext(
            stacks_[static_cast<std::size_t>(i)].get() + kStackBytes, kStackBytes, &Checker::enter
        );
    }
    next_ = pick_other();
    while (next_ >= 0 && failure_.empty()) {
        current_ = next_;
        VirtualThread& one = thread(current_);
        one.context = context::jump_fcontext(one.context, this).fctx;
        current_ = kDirector;
    }
    for (int i = 0; i < thread_count_; ++i) {
        director_.join(thread(i).view);
        ++director_.clock[static_cast<std::size_t>(i)];  // also what came after its last operation
        if (failure_.empty() && !thread(i).done && !thread(i).daemon) {
            fail(std::string("'") + thread(i).name + "' sleeps, and nobody will wake it");
        }
    }
    if (failure_.empty() && at_end != nullptr) {
        at_end();
    }
}

void Checker::enter(context::transfer_t from) {
    auto& self = *static_cast<Checker*>(from.data);
    self.director_context_ = from.fctx;
    VirtualThread& one = self.thread(self.current_);
    one.body();
    one.done = true;
    self.leave_to(self.pick_other());
    std::abort();  // nobody goes on with a thread that is done
}

void Checker::leave_to(int next) {
    next_ = next;
    director_context_ = context::jump_fcontext(director_context_, nullptr).fctx;
}

void Checker::add_thread(const char* name, std::function<void()> body, bool daemon) {
    if (thread_count_ == static_cast<int>(kMostThreads)) {
        std::fputs("model: too many threads\n", stderr);
        std::abort();
    }
    VirtualThread& one = thread(thread_count_++);
    one.name = name;
    one.body = std::move(body);
    one.daemon = daemon;
}

/// Who goes on: the running thread for nothing, another one for a preemption.
int Checker::pick() {
    std::array<int, kMostThreads> options;  // NOLINT: filled below
    int count = 0;
    options[0] = current_;
    ++count;
    if (preemptions_ < limits_.preemptions) {
        for (int i = 0; i < thread_count_; ++i) {
            if (i != current_ && enabled(i)) {
                options[static_cast<std::size_t>(count++)] = i;
            }
        }
    }
    const int chosen = options[static_cast<std::size_t>(choose(count))];
    preemptions_ += chosen != current_ ? 1 : 0;
    return chosen;
}

/// Who goes on when the running thread cannot, or lets the others come first; -1: nobody can. Those
/// who have let others come first wait until nobody else is left: else two of them could go in
/// circles and keep a third from what they wait for.
int Checker::pick_other() {
    std::array<int, kMostThreads> options;  // NOLINT: filled below
    int count = 0;
    for (const bool passing : {false, true}) {
        for (int i = 0; i < thread_count_ && (!passing || count == 0); ++i) {
            if (enabled(i) && thread(i).passing == passing) {
                options[static_cast<std::size_t>(count++)] = i;
            }
        }
    }
    return count == 0 ? -1 : options[static_cast<std::size_t>(choose(count))];
}

/// Before an operation: another thread may come first. Not between two relaxed loads: what the other
/// would do there it may do before the first, which is then shown an overwritten value; unless it would
/// pass a heavy barrier, after which nothing is.
void Checker::point(bool relaxed_load) {
    if (current_ == kDirector) {
        return;
    }
    ++all_steps_;
    if (++steps_ > kMostSteps) {
        fail("it goes on and on");
    }
    VirtualThread& one = thread(current_);
    const bool second_load = std::exchange(one.loaded, relaxed_load) && relaxed_load;
    if (!std::exchange(one.fresh, false) &&
        !(second_load && limits_.stale_reads > 0 && !has_barriers_)) {
        if (const int next = pick(); next != current_) {
            leave_to(next);
        }
    }
    ++one.view.clock[static_cast<std::size_t>(current_)];
}

void Checker::pass() {
    VirtualThread& one = thread(current_);
    one.passing = true;
    if (++steps_ > kMostSteps) {
        fail("it goes on and on");
    }
    if (const int next = pick_other(); next != current_) {
        leave_to(next);
    }
    one.passing = false;
}

/// As if each thread passed a seq_cst fence at this moment.
void Checker::heavy_barrier() {
    again_ = again_ || !std::exchange(has_barriers_, true);
    point();
    tell("passes a heavy barrier", {}, "");
    for (int i = 0; i < thread_count_; ++i) {
        total_.join(thread(i).view);
    }
    for (int i = 0; i < thread_count_; ++i) {
        thread(i).view.join(total_);
    }
}

void Checker::sleep(Signal& signal) {
    point();
    tell("sleeps", {}, "");
    VirtualThread& one = thread(current_);
    one.sleeps_on = &signal;
    if (!signal.raised()) {
        leave_to(pick_other());
    }
    one.sleeps_on = nullptr;
    signal.lower();
    tell("is woken", {}, "");
}

void Checker::raise() {
    point();
    tell("wakes somebody", {}, "");
}

void Checker::fail(std::string why) {
    if (failure_.empty()) {
        failure_ = std::move(why);
        tell("FAILS", {}, failure_);
    }
    if (current_ != kDirector) {
        leave_to(-1);
        std::abort();
    }
}

// ---- the memory

std::size_t Checker::add_location(Bits initial, const void* address) {
    if (location_count_ == kMostLocations) {
        std::fputs("model: too many atomics\n", stderr);
        std::abort();
    }
    Memory& memory = memory_[location_count_];
    memory.history.clear();
    memory.address = address;
    memory.repeats.fill(0);
    memory.history.push_back({initial, director_});
    return location_count_++;
}

Bits Checker::load(std::size_t location, std::memory_order order, const Place& place) {
    note(place, order, false, false);
    order = mutate(order, place);
    point(order == std::memory_order_relaxed);
    Memory& memory = memory_[location];
    View& mine = view();
    if (order == std::memory_order_seq_cst) {
        mine.join(total_);
    }
    const auto newest = static_cast<int>(memory.history.size()) - 1;
    int age = 0;
    auto& repeats = memory.repeats[static_cast<std::size_t>(current_)];
    if (current_ != kDirector && stale_reads_ < limits_.stale_reads && repeats < kMostRepeats) {
        age = choose(newest - mine.seen[location] + 1);
    }
    repeats = static_cast<std::int8_t>(age != 0 ? repeats + 1 : 0);
    stale_reads_ += age != 0 ? 1 : 0;
    const auto at = static_cast<std::size_t>(newest - age);
    mine.seen[location] = static_cast<std::uint8_t>(at);
    if (acquires(order)) {
        mine.join(memory.history[at].view);
    }
    const Bits value = memory.history[at].value;
    if (telling_) {
        tell(
            place.operation,
            place,
            text_of(location) + " -> " + text(value) + (age != 0 ? " (overwritten)" : "") + ", " +
                name_of(order)
        );
    }
    return value;
}

void Checker::append(
    std::size_t location, Bits value, std::memory_order order, const View* sequence
) {
    Memory& memory = memory_[location];
    View& mine = view();
    const std::size_t at = memory.history.size();
    if (at > 255) {
        fail("it goes on and on: too many stores to one atomic");
    }
    mine.seen[location] = static_cast<std::uint8_t>(at);
    Store store{value, releases(order) ? mine : View{}};
    store.view.seen[location] = static_cast<std::uint8_t>(at);
    if (sequence != nullptr) {
        store.view.join(*sequence);  // a read-modify-write goes on with the release sequence
    }
    if (order == std::memory_order_seq_cst) {
        total_.join(mine);
    }
    memory.history.push_back(store);
}

void Checker::store(std::size_t location, Bits value, std::memory_order order, const Place& place) {
    point();
    note(place, order, false, false);
    order = mutate(order, place);
    append(location, value, order, nullptr);
    if (telling_) {
        tell(
            place.operation, place, text_of(location) + " = " + text(value) + ", " + name_of(order)
        );
    }
}

template <class Change>
bool Checker::modify(
    std::size_t location,
    Bits& old,
    Change change,
    std::memory_order success,
    std::memory_order failure,
    const Place& place
) {
    if (is_mutated(place, Mutation::Change::LoadOnly)) {
        const Bits newest = memory_[location].history.back().value;
        if (change(newest) == newest) {
            old = load(location, failure, place);
            return change(old).has_value();
        }
    }
    if (is_mutated(place, Mutation::Change::Split)) {
        old = load(location, failure, place);
        const std::optional<Bits> value = change(old);
        if (value.has_value()) {
            store(location, *value, success, place);
        }
        return value.has_value();
    }
    point();
    Memory& memory = memory_[location];
    View& mine = view();
    const std::size_t at = memory.history.size() - 1;
    old = memory.history[at].value;
    const std::optional<Bits> value = change(old);
    note(place, value.has_value() ? success : failure, true, value == old);
    const std::memory_order order = mutate(value.has_value() ? success : failure, place);
    if (order == std::memory_order_seq_cst) {
        mine.join(total_);
    }
    mine.seen[location] = static_cast<std::uint8_t>(at);
    memory.repeats[static_cast<std::size_t>(current_)] = 0;
    if (acquires(order)) {
        mine.join(memory.history[at].view);
    }
    if (value.has_value()) {
        const View sequence = memory.history[at].view;
        append(location, *value, order, &sequence);
    }
    if (telling_) {
        tell(
            place.operation,
            place,
            text_of(location) + (value.has_value() ? " was " : " fails: is ") + text(old) +
                (value.has_value() ? ", is " + text(*value) : "") + ", " + name_of(order)
        );
    }
    return value.has_value();
}

// ---- planted bugs

/// The name of a template's function comes with its arguments.
std::string_view without_arguments(std::string_view function) noexcept {
    return function.substr(0, function.find('<'));
}

bool Checker::hits(const Place& place) noexcept {
    if (!mutation_.has_value() ||
        without_arguments(place.function) != without_arguments(mutation_->function) ||
        !std::string_view(place.file).ends_with(mutation_->file) ||
        (mutation_->operation != nullptr &&
         std::string_view(place.operation) != mutation_->operation) ||
        (mutation_->line != 0 && place.line != mutation_->line)) {
        return false;
    }
    mutated_ = true;
    return true;
}

bool Checker::is_mutated(const Place& place, Mutation::Change change) noexcept {
    return mutation_.has_value() && mutation_->change == change && hits(place);
}

std::memory_order Checker::mutate(std::memory_order order, const Place& place) noexcept {
    if (!mutation_.has_value() || mutation_->change > Mutation::Change::NoOrder || !hits(place)) {
        return order;
    }
    return weakened(order, mutation_->change);
}

void Checker::note(
    const Place& place, std::memory_order order, bool modifies, bool changes_nothing
) {
    if (uses_ == nullptr) {
        return;
    }
    const auto same = [&place](const Use& use) {
        return use.place.line == place.line && use.place.operation == place.operation &&
               std::string_view(use.place.file) == place.file;
    };
    auto use = std::find_if(uses_->begin(), uses_->end(), same);
    if (use == uses_->end()) {
        use = uses_->insert(use, {place});
    }
    use->acquires = use->acquires || acquires(order);
    use->releases = use->releases || releases(order);
    use->modifies = use->modifies || modifies;
    use->changes_nothing = use->changes_nothing || changes_nothing;
}

// ---- the story

const Named* Checker::find_name(Bits address) const {
    const Named* found = nullptr;
    for (const Named& named : names) {
        if (address >= named.from && address < named.from + named.size) {
            found = &named;  // the parts come after the whole
        }
    }
    return found;
}

std::string Checker::text(Bits value) const {
    if (const Named* const named = find_name(value); named != nullptr) {
        return std::string("&") + named->name;
    }
    char digits[24];
    std::snprintf(
        digits, sizeof digits, value < 1000 ? "%ju" : "0x%jx", static_cast<std::uintmax_t>(value)
    );
    return digits;
}

std::string Checker::text_of(std::size_t location) const {
    const auto address = reinterpret_cast<Bits>(memory_[location].address);
    if (const Named* const named = find_name(address); named != nullptr) {
        return std::string(named->name) + "+" + std::to_string(address - named->from);
    }
    return "atomic " + std::to_string(location);
}

void Checker::tell(const char* what, const Place& place, const std::string& detail) {
    if (!telling_) {
        return;
    }
    const std::string who = current_ == kDirector ? "(end)" : thread(current_).name;
    story_ += "  " + who + std::string(who.size() < 12 ? 12 - who.size() : 1, ' ') + what;
    if (!detail.empty()) {
        story_ += " " + detail;
    }
    if (place.file != nullptr) {
        const std::string_view file = place.file;
        story_ += "   [" + std::string(file.substr(file.rfind('/') + 1)) + ":" +
                  std::to_string(place.line) + " " + place.function + "]";
    }
    story_ += "\n";
}

// ---- the parts that scenarios see

Report explore(
    const Scenario& scenario, const Limits& limits, const std::optional<Mutation>& mutation
) {
    const auto one = std::make_unique<Checker>(limits, mutation);
    checker = one.get();
    const Report report = one->explore(scenario);
    checker = nullptr;
    return report;
}

std::vector<Use> uses_of(const Scenario& scenario, const Limits& limits) {
    std::vector<Use> uses;
    const auto one = std::make_unique<Checker>(limits, std::nullopt);
    one->note_uses(uses);
    checker = one.get();
    static_cast<void>(one->explore(scenario));
    checker = nullptr;
    return uses;
}

void Execution::at_end(std::function<void()> check) {
    checker->at_end = std::move(check);
}

void Execution::call(const char* name, const void* object, std::size_t size) {
    checker->names.push_back({name, reinterpret_cast<Bits>(object), size});
}

void Execution::keep(const char* name, std::shared_ptr<void> object, std::size_t size) {
    call(name, object.get(), size);
    checker->kept.push_back(std::move(object));
}

void Execution::add(const char* name, std::function<void()> body, bool daemon) {
    checker->add_thread(name, std::move(body), daemon);
}

void require(bool condition, const char* what) {
    if (!condition) {
        checker->fail(std::string("not so: ") + what);
    }
}

void pass() {
    checker->pass();
}

void heavy_barrier() {
    checker->heavy_barrier();
}

bool toss() {
    return checker->choose(2) == 1;
}

int self() noexcept {
    return checker->current();
}

void Signal::raise() {
    checker->raise();
    raised_ = true;
}

void Signal::await() {
    checker->sleep(*this);
}

Location::Location(Bits initial) : index_(checker->add_location(initial, this)) {}

Bits Location::load(std::memory_order order, Place place) const {
    return checker->load(index_, order, place);
}

void Location::store(Bits value, std::memory_order order, Place place) {
    checker->store(index_, value, order, place);
}

Bits Location::modify(Modify how, Bits operand, Bits mask, std::memory_order order, Place place) {
    Bits old = 0;
    const auto change = [&](Bits value) -> std::optional<Bits> {
        switch (how) {
            case Modify::Exchange:
                return operand;
            case Modify::Add:
                return (value + operand) & mask;
            case Modify::Subtract:
                return (value - operand) & mask;
            case Modify::And:
                return value & operand;
            case Modify::Or:
                return value | operand;
        }
        return value;
    };
    static_cast<void>(checker->modify(index_, old, change, order, order, place));
    return old;
}

bool Location::compare_exchange(
    Bits& expected,
    Bits desired,
    std::memory_order success,
    std::memory_order failure,
    bool weak,
    Place place
) {
    if (weak && checker->fails_for_no_reason()) {
        expected = checker->load(index_, failure, place);
        return false;
    }
    const Bits wanted = expected;
    const auto change = [&](Bits value) {
        return value == wanted ? std::optional<Bits>(desired) : std::nullopt;
    };
    return checker->modify(index_, expected, change, success, failure, place);
}

void Watch::on_read() noexcept {
    const auto me = static_cast<std::size_t>(checker->current());
    const View& mine = checker->view();
    for (std::size_t i = 0; i < writes_.size(); ++i) {
        if (i != me && writes_[i] > mine.clock[i]) {
            checker->fail("a data race: a read, and a write that nothing orders");
        }
    }
    reads_[me] = static_cast<std::uint16_t>(mine.clock[me] + 1);
}

void Watch::on_write() noexcept {
    on_read();
    const auto me = static_cast<std::size_t>(checker->current());
    const View& mine = checker->view();
    for (std::size_t i = 0; i < reads_.size(); ++i) {
        if (i != me && reads_[i] > mine.clock[i]) {
            checker->fail("a data race: a write, and a read that nothing orders");
        }
    }
    writes_[me] = reads_[me];
}

void EarlyReads::on_read() noexcept {
    const auto me = static_cast<std::size_t>(checker->current());
    reads_[me] = {static_cast<std::uint16_t>(checker->view().clock[me] + 1)};
}

void EarlyReads::on_claim() noexcept {
    Read& mine = reads_[static_cast<std::size_t>(checker->current())];
    mine.counts = true;
    if (mine.overtaken) {
        checker->fail("a claimed place was written again before its read, as far as any edge says");
    }
}

void EarlyReads::on_write() noexcept {
    const auto me = static_cast<std::size_t>(checker->current());
    const View& mine = checker->view();
    for (std::size_t i = 0; i < reads_.size(); ++i) {
        if (i == me || reads_[i].at <= mine.clock[i]) {
            continue;
        }
        reads_[i].overtaken = true;
        if (reads_[i].counts) {
            checker->fail("a place is written again, and nothing orders that after a claimed read");
        }
    }
}

}  // namespace weft::model
