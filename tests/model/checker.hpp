#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

/// A model checker for lock-free code: it runs a scenario of a few virtual threads again and again,
/// each time in another way, until every way within the limits has been tried.
///
/// Every atomic operation is a point where another thread may come first (bounded: that many
/// preemptions in one execution), and where a load may give any value that its thread has not yet
/// been made to know is overwritten (a view per thread and per store; a read-modify-write always
/// reads the latest). What is found is printed as a story: who did what, and where in the code.
///
/// What it does not do: a load never gives a value that is stored later (load buffering), a failing
/// compare-exchange gives the latest value, and there are no fences but the heavy one, since weft has none. Nor do two stores
/// of one thread change places: that an RMW of one word comes before one of another is shown by a Plain
/// that is written with it, and a read that has to come before a later write by EarlyReads.
namespace weft::model {

inline constexpr std::size_t kMostLocations = 64;
inline constexpr std::size_t kMostThreads = 6;

/// How much is tried.
struct Limits {
    int preemptions = 3;          ///< in one execution
    int stale_reads = 3;          ///< in one execution; 0: sequential consistency
    long executions = 2'000'000;  ///< in all
    int spurious_failures = 0;    ///< of weak compare-exchanges, in one execution
};

/// A planted bug: one place of the code under test does something weaker than what it says.
struct Mutation {
    enum class Change {
        NoAcquire,
        NoRelease,
        NoOrder,
        LoadOnly,  ///< a read-modify-write that changes nothing only loads
        Split,     ///< a read-modify-write loads, and stores later
    };
    const char* file = nullptr;      ///< how its path ends
    const char* function = nullptr;  ///< in which the operation stands
    Change change = Change::NoOrder;
    const char* operation = nullptr;  ///< only of this kind ("load", "fetch_add")
    int line = 0;                     ///< only on this line; 0: on any
};

/// Where in the code an operation stands.
struct Place {
    const char* file;
    const char* function;
    int line;
    const char* operation;
};

/// An operation that a scenario came to, and what can be taken from it.
struct Use {
    Place place;
    bool acquires = false;
    bool releases = false;
    bool modifies = false;         ///< it reads and writes in one step
    bool changes_nothing = false;  ///< it did so and left the value as it was, once
};

struct Report {
    long executions = 0;
    long steps = 0;
    bool complete = false;  ///< everything within the limits was tried
    bool mutated = false;   ///< the mutation's place was reached
    std::string failure;    ///< empty: nothing is wrong
    std::string story;      ///< how it comes to the failure
};

/// One run of a scenario, while it is being set up.
class Execution {
public:
    /// An object that lives as long as this run. The name is for the story.
    template <class T, class... Arguments>
    T& make(const char* name, Arguments&&... arguments) {
        auto object = std::make_shared<T>(std::forward<Arguments>(arguments)...);
        T& made = *object;
        keep(name, std::move(object), sizeof(T));
        return made;
    }
    /// A part of it gets a name of its own.
    template <class T>
    void name(const char* name, const T& part) {
        call(name, &part, sizeof(T));
    }
    /// A thread that has to come to its end.
    void thread(const char* name, std::function<void()> body) { add(name, std::move(body), false); }
    /// A thread that may be left waiting.
    void daemon(const char* name, std::function<void()> body) { add(name, std::move(body), true); }
    /// Called when nobody can go on: the place for require().
    void at_end(std::function<void()> check);

private:
    void call(const char* name, const void* object, std::size_t size);
    void keep(const char* name, std::shared_ptr<void> object, std::size_t size);
    void add(const char* name, std::function<void()> body, bool daemon);
};

using Scenario = std::function<void(Execution&)>;

/// Tries every way within the limits; stops at the first that fails.
[[nodiscard]] Report explore(
    const Scenario& scenario,
    const Limits& limits = {},
    const std::optional<Mutation>& mutation = std::nullopt
);

/// The operations that a scenario comes to, each once.
[[nodiscard]] std::vector<Use> uses_of(const Scenario& scenario, const Limits& limits);

// ---- for the threads of a scenario

/// What has to be true at this moment.
void require(bool condition, const char* what);
/// Lets the others come first: for a loop that waits for one of them.
void pass();
/// Every thread passes a full barrier at this moment, as by membarrier(2). A real one is at another moment for each
/// thread: an argument may only be about two, who passes it and one of the others.
void heavy_barrier();
/// Both answers are tried.
[[nodiscard]] bool toss();
/// The number of the running thread, in the order they were added.
[[nodiscard]] int self() noexcept;

/// What a thread sleeps on: a futex, an eventfd. Kept until somebody takes it, or for good. It orders
/// nothing in memory.
class Signal {
public:
    explicit Signal(bool for_good = false) noexcept : for_good_(for_good) {}
    void raise();
    void await();
    [[nodiscard]] bool raised() const noexcept { return raised_; }  ///< for the checker
    void lower() noexcept { raised_ = for_good_ && raised_; }

private:
    bool for_good_;
    bool raised_ = false;
};

// ---- what the code under test is instantiated with

using Bits = std::uint64_t;

/// The memory behind one Atomic. The types' own work is in Atomic; everything else is compiled once.
class Location {
public:
    explicit Location(Bits initial);
    Location(const Location&) = delete;
    Location& operator=(const Location&) = delete;

    [[nodiscard]] Bits load(std::memory_order order, Place place) const;
    void store(Bits value, std::memory_order order, Place place);
    enum class Modify { Exchange, Add, Subtract, And, Or };
    Bits modify(Modify how, Bits operand, Bits mask, std::memory_order order, Place place);
    bool compare_exchange(
        Bits& expected,
        Bits desired,
        std::memory_order success,
        std::memory_order failure,
        bool weak,
        Place place
    );

private:
    std::size_t index_;
};

/// std::atomic's interface, as far as weft's templates use it.
template <class T>
class Atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Bits));

public:
    Atomic(T value = T{}) : location_(to_bits(value)) {}  // NOLINT: as std::atomic

    [[nodiscard]] T load(
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) const noexcept {
        return from_bits(location_.load(order, {file, function, line, "load"}));
    }
    void store(
        T value,
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        location_.store(to_bits(value), order, {file, function, line, "store"});
    }
    T exchange(
        T value,
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return modify(Location::Modify::Exchange, value, order, {file, function, line, "exchange"});
    }
    T fetch_add(
        T value,
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return modify(Location::Modify::Add, value, order, {file, function, line, "fetch_add"});
    }
    T fetch_sub(
        T value,
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return modify(
            Location::Modify::Subtract, value, order, {file, function, line, "fetch_sub"}
        );
    }
    T fetch_and(
        T value,
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return modify(Location::Modify::And, value, order, {file, function, line, "fetch_and"});
    }
    T fetch_or(
        T value,
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return modify(Location::Modify::Or, value, order, {file, function, line, "fetch_or"});
    }
    bool compare_exchange_weak(
        T& expected,
        T desired,
        std::memory_order success,
        std::memory_order failure,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return compare_exchange(
            expected, desired, success, failure, true, {file, function, line, "compare_exchange"}
        );
    }
    bool compare_exchange_strong(
        T& expected,
        T desired,
        std::memory_order success,
        std::memory_order failure,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return compare_exchange(
            expected, desired, success, failure, false, {file, function, line, "compare_exchange"}
        );
    }

private:
    static Bits to_bits(T value) noexcept {
        Bits bits = 0;
        std::memcpy(&bits, &value, sizeof value);
        return bits;
    }
    static T from_bits(Bits bits) noexcept {
        T value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    T modify(Location::Modify how, T operand, std::memory_order order, Place place) noexcept {
        constexpr Bits kMask = ~Bits{0} >> (64 - 8 * sizeof(T));
        return from_bits(location_.modify(how, to_bits(operand), kMask, order, place));
    }
    bool compare_exchange(
        T& expected,
        T desired,
        std::memory_order success,
        std::memory_order failure,
        bool weak,
        Place place
    ) noexcept {
        Bits bits = to_bits(expected);
        const bool done =
            location_.compare_exchange(bits, to_bits(desired), success, failure, weak, place);
        expected = from_bits(bits);
        return done;
    }

    Location location_;
};

/// A signal that also orders memory, as a lock or a ready queue does: what came before raise() is
/// seen after await().
class Handover {
public:
    void raise() {
        edge_.fetch_add(1, std::memory_order_acq_rel);
        signal_.raise();
    }
    void await() {
        signal_.await();
        edge_.fetch_add(0, std::memory_order_acq_rel);
    }
    /// Whether there has been a raise().
    [[nodiscard]] bool came() { return edge_.fetch_add(0, std::memory_order_acq_rel) != 0; }

private:
    Atomic<int> edge_{0};
    Signal signal_;
};

/// Who has touched a plain object, so that a data race is found: two accesses, one of them a write,
/// that no edge orders.
class Watch {
public:
    void on_read() noexcept;
    void on_write() noexcept;

private:
    std::array<std::uint16_t, kMostThreads + 1> reads_{};
    std::array<std::uint16_t, kMostThreads + 1> writes_{};
};

/// Reads of a place that count only if a claim follows: a thief reads a slot, then wins the index. One that
/// counts has to come before the slot's next write by an edge; else the value could be the later one, which
/// a load never gives here. One that does not count may be overtaken.
class EarlyReads {
public:
    void on_read() noexcept;
    void on_claim() noexcept;  ///< the running thread's last read counts
    void on_write() noexcept;

private:
    struct Read {
        std::uint16_t at = 0;
        bool counts = false;
        bool overtaken = false;
    };
    std::array<Read, kMostThreads + 1> reads_{};
};

/// A plain object that several threads use.
template <class T>
class Plain {
public:
    Plain(T value = T{}) : value_(value) {}  // NOLINT: stands in for a T
    Plain& operator=(T value) noexcept {
        watch_.on_write();
        value_ = value;
        return *this;
    }
    operator T() const noexcept {  // NOLINT: stands in for a T
        watch_.on_read();
        return value_;
    }
    T operator->() const noexcept { return *this; }

private:
    T value_;
    mutable Watch watch_;
};

}  // namespace weft::model
