#include "base/birthplace.hpp"

#include <pthread.h>

namespace weft::rt {
namespace {

Atomic<unsigned> forks{0};  // relaxed: written while a process has one thread

void count_fork() noexcept {
    forks.fetch_add(1, relaxed);
    suspensions_look.store(true, relaxed);
}

}  // namespace

Atomic<bool> suspensions_look{false};

Birthplace::Birthplace() noexcept : forks_(0) {
    // Without memory for it a child would not be noticed; nothing else depends on it.
    static const int kInstalled = ::pthread_atfork(nullptr, nullptr, count_fork);
    static_cast<void>(kInstalled);
    forks_ = forks.load(relaxed);
}

bool Birthplace::is_here() const noexcept {
    return forks_ == forks.load(relaxed);
}

}  // namespace weft::rt
