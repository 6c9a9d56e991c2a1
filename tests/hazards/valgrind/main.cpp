#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <weft/sleep.hpp>

#include "program.hpp"

namespace weft::test {
namespace {

std::atomic<std::uint64_t> moves{0};

/// The kernel's word for it: nothing that a compiler could keep.
pid_t thread_now() noexcept {
    return static_cast<pid_t>(::syscall(SYS_gettid));
}

/// Suspends; whether it goes on on another thread.
bool moved() {
    const pid_t before = thread_now();
    yield();
    const bool elsewhere = thread_now() != before;
    moves.fetch_add(elsewhere ? 1 : 0, std::memory_order_relaxed);
    return elsewhere;
}

}  // namespace

void pass() {
    static_cast<void>(moved());
}

void migrate() {
    constexpr int kMostAttempts = 100;
    for (int i = 0; i < kMostAttempts; ++i) {
        if (moved()) {
            return;
        }
    }
    expect(false, "a task moves in hop mode");
}

std::uint64_t migrations() noexcept {
    return moves.load(std::memory_order_relaxed);
}

void expect(bool so, const char* what) {
    if (!so) {
        std::fprintf(stderr, "it is not so that %s\n", what);
        std::_Exit(EXIT_FAILURE);
    }
}

RuntimeOptions several_loops(bool hop) {
    RuntimeOptions options;
    options.workers = 3;
    options.hop = hop;
    options.pin = Pin::None;
    return options;
}

}  // namespace weft::test

int main(int argc, char** argv) {
    using namespace weft::test;
    if (argc > 1) {
        if (!plant(argv[1])) {
            std::fprintf(stderr, "there is no fault named %s\n", argv[1]);
            return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
    }
    work(true);
    work(false);
    std::printf("migrations: %" PRIu64 "\n", migrations());
    return EXIT_SUCCESS;
}
