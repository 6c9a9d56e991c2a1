#include "storm/ledger.hpp"

#include <algorithm>

#include "storm/findings.hpp"
#include "storm/plant.hpp"

namespace weft::storm {
namespace {

std::string times(int count) {
    return count == 1 ? "once" : std::to_string(count) + " times";
}

}  // namespace

std::size_t Book::open() {
    const std::size_t row = next_.fetch_add(1, std::memory_order_relaxed);
    if (row == most_) {
        find("the ledger has too few rows for this workload");
    }
    return row;
}

std::size_t Book::rows() const noexcept {
    return std::min(next_.load(std::memory_order_relaxed), most_);
}

TaskLedger::Ticket::~Ticket() {
    if (ledger_ != nullptr && !planted(Plant::TaskLost)) {
        ledger_->book_.count(row_, kDestroyed);
    }
}

TaskLedger::Ticket::Run::Run(const Ticket& ticket) noexcept : ticket_(ticket) {
    ticket_.ledger_->book_.count(ticket_.row_, kBegun);
}

TaskLedger::Ticket::Run::~Run() {
    ticket_.ledger_->book_.count(ticket_.row_, kEnded);
    if (planted(Plant::TaskTwice)) {
        ticket_.ledger_->book_.count(ticket_.row_, kEnded);
    }
}

void TaskLedger::settle() const {
    for (std::size_t row = 0; row < book_.rows(); ++row) {
        const int begun = book_.get(row, kBegun);
        const int ended = book_.get(row, kEnded);
        const int destroyed = book_.get(row, kDestroyed);
        // One that was cancelled before its turn never begins; its function goes all the same.
        if (begun > 1 || ended != begun || destroyed != 1) {
            find(
                "task " + std::to_string(row) + " began " + times(begun) + ", ended " +
                times(ended) + ", and its function was destroyed " + times(destroyed)
            );
        }
    }
}

void ItemLedger::got(std::size_t item) noexcept {
    if (planted(Plant::ItemLost)) {
        return;
    }
    book_.count(item, kGot);
    if (planted(Plant::ItemTwice)) {
        book_.count(item, kGot);
    }
}

void ItemLedger::settle(const std::string& kind) const {
    for (std::size_t row = 0; row < book_.rows(); ++row) {
        const int put = book_.get(row, kPut);
        const int got = book_.get(row, kGot);
        const int left = book_.get(row, kLeft);
        if (got + left != put || put > 1) {
            find(
                kind + " " + std::to_string(row) + " was put " + times(put) + ", got " +
                times(got) + ", and is left " + times(left)
            );
        }
    }
}

}  // namespace weft::storm
