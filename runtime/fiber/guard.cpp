#include "fiber/guard.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/birthplace.hpp"
#include "base/disable.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "fiber/sanitizer.hpp"

namespace weft::rt {
namespace {

constexpr int kMadvGuardInstall = 102;    // Linux 6.13, younger than the headers of Debian 12
constexpr std::size_t kMapsPerGuard = 2;  // the guard itself, and the neighbours that it separates
constexpr std::size_t kMapCountDefault = 65530;

// The pattern must be unlikely as data; that it is no address keeps it out of leak checkers.
constexpr std::uint64_t kCanaryWord = 0x77e7'f75c'a9a2'1e5d;
constexpr std::size_t kCanaryWords = kCacheLineBytes / sizeof(kCanaryWord);

Atomic<std::size_t> guard_maps{0};  // mappings that mprotect made for us; a plain count, no edge

bool guard_by_process_madvise(std::span<const PageRange> ranges) noexcept {
    return advise_together(ranges, kMadvGuardInstall);
}

bool guard_by_madvise(std::span<const PageRange> ranges) noexcept {
    return advise_each(ranges, kMadvGuardInstall);
}

std::size_t read_max_map_count() noexcept {
    const UniqueFd fd{retried(::open, "/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC)};
    std::array<char, 32> text;
    const ssize_t length = fd ? retried(::read, fd.get(), text.data(), text.size()) : 0;
    std::size_t limit = kMapCountDefault;
    if (length > 0) {
        std::from_chars(text.data(), text.data() + length, limit);
    }
    return limit;
}

bool guard_by_mprotect(std::span<const PageRange> ranges) noexcept {
    static const std::size_t kAllowance = read_max_map_count() / 2;
    const std::size_t maps = ranges.size() * kMapsPerGuard;
    if (guard_maps.fetch_add(maps, relaxed) + maps > kAllowance) {
        guard_maps.fetch_sub(maps, relaxed);
        return false;
    }
    for (const PageRange& range : ranges) {
        if (checked(::mprotect, range.low, range.bytes, PROT_NONE) != 0) {
            guard_maps.fetch_sub(maps, relaxed);
            return false;
        }
    }
    return true;
}

/// Whether `install` makes a page trap. A system call into a guard fails with EFAULT, which needs
/// no signal handler to see.
template <class Install>
bool works(Install install) noexcept {
    void* const page = ::mmap(
        nullptr,
        2 * kPageBytes,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0
    );
    if (page == MAP_FAILED) {
        return false;
    }
    const std::array range{PageRange{static_cast<std::byte*>(page), kPageBytes}};
    const bool traps =
        install(range) &&
        retried(::syscall, long{SYS_getrandom}, page, std::size_t{1}, GRND_NONBLOCK) == -EFAULT;
    ::munmap(page, 2 * kPageBytes);
    return traps;
}

GuardKinds probe() noexcept {
    GuardKinds wanted = without(
        {.process_madvise = true, .madvise = true, .mprotect = true}, disabled_facilities()
    );
    if (runs_on_valgrind()) {
        // It does not know that a marked page traps: its search for leaks then takes a signal for each
        // word of each guard, 15 seconds for a slab. Nor does it know process_madvise, and says so.
        wanted = without(wanted, "guard");
    }
    GuardKinds kinds;
    kinds.madvise = wanted.madvise && works(guard_by_madvise);
    kinds.process_madvise = wanted.process_madvise && works(guard_by_process_madvise);
    kinds.mprotect = wanted.mprotect && works([](std::span<const PageRange> ranges) {
                         return checked(::mprotect, ranges[0].low, ranges[0].bytes, PROT_NONE) == 0;
                     });
    return kinds;
}

void warn_of_canaries() noexcept {
    static Atomic<bool> warned{false};
    if (!warned.exchange(true, relaxed)) {
        log_warning(
            "no more guard pages (vm.max_map_count, or not permitted): "
            "further stacks have canaries, which are looked at when a task suspends"
        );
    }
}

std::span<const std::uint64_t, kCanaryWords> canary_of(const Stack& stack) noexcept {
    // SAFETY: low is page-aligned and nothing else lives in its lowest line.
    return std::span<const std::uint64_t, kCanaryWords>{
        reinterpret_cast<const std::uint64_t*>(stack.low), kCanaryWords};
}

}  // namespace

GuardKinds without(GuardKinds kinds, std::string_view disabled) noexcept {
    const bool no_marker = lists(disabled, "guard");
    kinds.process_madvise &= !no_marker && !lists(disabled, "process_madvise");
    kinds.madvise &= !no_marker && !lists(disabled, "madvise");
    kinds.mprotect &= !lists(disabled, "mprotect");
    return kinds;
}

const GuardKinds& usable_guards() noexcept {
    static const GuardKinds kKinds = probe();
    return kKinds;
}

GuardKind install_guards(std::span<const PageRange> ranges, GuardKinds allowed) noexcept {
    // A kind that fails half-way does no harm: the next one covers all ranges again.
    if (allowed.process_madvise && guard_by_process_madvise(ranges)) {
        return GuardKind::ProcessMadvise;
    }
    if (allowed.madvise && guard_by_madvise(ranges)) {
        return GuardKind::Madvise;
    }
    if (allowed.mprotect && guard_by_mprotect(ranges)) {
        return GuardKind::Mprotect;
    }
    warn_of_canaries();
    return GuardKind::Canary;
}

void forget_guards(GuardKind kind, std::size_t count) noexcept {
    if (kind == GuardKind::Mprotect) {
        guard_maps.fetch_sub(count * kMapsPerGuard, relaxed);
    }
}

void write_canary(const Stack& stack) noexcept {
    suspensions_look.store(true, relaxed);
    // SAFETY: as canary_of().
    std::fill_n(reinterpret_cast<std::uint64_t*>(stack.low), kCanaryWords, kCanaryWord);
}

bool canary_intact(const Stack& stack) noexcept {
    if (stack.guard_kind != GuardKind::Canary) {
        return true;
    }
    std::uint64_t difference = 0;
    for (const std::uint64_t word : canary_of(stack)) {
        difference |= word ^ kCanaryWord;
    }
    return difference == 0;
}

}  // namespace weft::rt
