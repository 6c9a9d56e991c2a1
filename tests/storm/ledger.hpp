#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace weft::storm {

/// Numbers from 0 on, each with counts of what happened to it; the sum is drawn when all is over.
///
/// Threads   any; settle functions alone.
class Book {
public:
    static constexpr int kColumns = 3;

    explicit Book(std::size_t most) : most_(most), rows_(std::make_unique<Row[]>(most)) {}

    /// Opens the next row.
    [[nodiscard]] std::size_t open();
    void count(std::size_t row, int column) noexcept {
        if (row < most_) {
            rows_[row].columns[column].fetch_add(1, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] int get(std::size_t row, int column) const noexcept {
        return rows_[row].columns[column].load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t rows() const noexcept;

private:
    struct Row {
        std::atomic<std::uint8_t> columns[kColumns]{};
    };

    std::size_t most_;
    std::unique_ptr<Row[]> rows_;
    std::atomic<std::size_t> next_{0};
};

/// Every task that was made, and what became of it.
class TaskLedger {
public:
    explicit TaskLedger(std::size_t most) : book_(most) {}

    /// Goes with a task's function, and is destroyed with it.
    class Ticket {
    public:
        explicit Ticket(TaskLedger& ledger) : ledger_(&ledger), row_(ledger.book_.open()) {}
        Ticket(Ticket&& other) noexcept
            : ledger_(std::exchange(other.ledger_, nullptr)), row_(other.row_) {}
        Ticket(const Ticket&) = delete;
        Ticket& operator=(const Ticket&) = delete;
        Ticket& operator=(Ticket&&) = delete;
        ~Ticket();

        /// Exists while the function runs.
        class Run {
        public:
            explicit Run(const Ticket& ticket) noexcept;
            Run(const Run&) = delete;
            Run& operator=(const Run&) = delete;
            ~Run();

        private:
            const Ticket& ticket_;
        };

    private:
        TaskLedger* ledger_;
        std::size_t row_;
    };

    [[nodiscard]] std::size_t made() const noexcept { return book_.rows(); }
    /// Finds tasks that did not end exactly once.
    void settle() const;

private:
    enum Column { kBegun, kEnded, kDestroyed };
    Book book_;
};

/// Every item that was made for a queue, and where it went.
class ItemLedger {
public:
    explicit ItemLedger(std::size_t most) : book_(most) {}

    [[nodiscard]] std::size_t make() { return book_.open(); }
    void put(std::size_t item) noexcept { book_.count(item, kPut); }
    void got(std::size_t item) noexcept;
    /// It was in the queue at the end.
    void left(std::size_t item) noexcept { book_.count(item, kLeft); }
    /// Finds items that were put and are nowhere, or are there more than once.
    void settle(const std::string& kind) const;

private:
    enum Column { kPut, kGot, kLeft };
    Book book_;
};

}  // namespace weft::storm
