#include "fiber/overflow.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/atomic.hpp"
#include "base/posix.hpp"

namespace weft::rt {
namespace {

// What can be reached from a signal handler is fixed before the handler is installed, or atomic.
Atomic<DescribeStackOwner> describe_owner{nullptr};

struct Previous {
    struct sigaction action {};
    Atomic<bool> used_up{false};  // by SA_RESETHAND
};
Previous previous_segv;
Previous previous_bus;

/// Where the faulting thread was.
struct Registers {
    std::uintptr_t pc;
    std::uintptr_t sp;
};

Registers registers_of(const void* context) noexcept {
    const mcontext_t& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    return {
        static_cast<std::uintptr_t>(machine.gregs[REG_RIP]),
        static_cast<std::uintptr_t>(machine.gregs[REG_RSP])};
#elif defined(__aarch64__)
    return {machine.pc, machine.sp};
#else
#error "weft does not know this processor's signal frames"
#endif
}

/// A line of text, built without memory or stdio and written by one call.
class Report {
public:
    Report& add(std::string_view text) noexcept {
        const std::size_t length = std::min(text.size(), text_.size() - used_);
        std::copy_n(text.data(), length, text_.data() + used_);
        used_ += length;
        return *this;
    }
    Report& add_number(std::uintptr_t value, unsigned base) noexcept {
        std::array<char, 20> digits;
        std::size_t first = digits.size();
        do {
            digits[--first] = "0123456789abcdef"[value % base];
            value /= base;
        } while (value != 0);
        return add(base == 16 ? "0x" : "").add({digits.data() + first, digits.size() - first});
    }
    void write() const noexcept {
        // Nothing can be done about a closed stderr.
        static_cast<void>(retried(::write, STDERR_FILENO, text_.data(), used_));
    }

private:
    std::array<char, 1024> text_;
    std::size_t used_ = 0;
};

void add_owner(Report& report, const Stack* stack) noexcept {
    std::array<char, 160> name{};
    // pairs with the release store in set_stack_owner_describer
    const DescribeStackOwner describe = describe_owner.load(acquire);
    if (stack != nullptr && describe != nullptr) {
        describe(*stack, name.data(), name.size());
        name.back() = '\0';
    }
    report.add("task '").add(name.front() != '\0' ? name.data() : "unknown").add("'");
    if (stack != nullptr) {
        report.add(" (stack ").add_number(stack->size_bytes(), 10).add(" bytes, ");
    } else {
        report.add(" (");
    }
}

/// The nearest symbol, or the file and the offset in it, for addr2line. dladdr may wait for a
/// dlopen of another thread; its lock is recursive, so never for one of ours.
void add_place(Report& report, std::uintptr_t pc) noexcept {
    Dl_info info{};
    // SAFETY: dladdr only looks the number up.
    const auto* const address =
        reinterpret_cast<const void*>(pc);  // NOLINT(performance-no-int-to-ptr)
    if (::dladdr(address, &info) == 0) {
        report.add_number(pc, 16);
        return;
    }
    const bool has_symbol = info.dli_sname != nullptr;
    const void* const start = has_symbol ? info.dli_saddr : info.dli_fbase;
    report.add(has_symbol ? info.dli_sname : info.dli_fname)
        .add("+")
        .add_number(pc - reinterpret_cast<std::uintptr_t>(start), 16);
}

constexpr std::uintptr_t kFrameMax = std::uintptr_t{1024} * 1024;

/// Whether the access was made by code that runs on this stack, and not through a wild pointer: its
/// stack pointer is on the stack, or has left it by the last, large, frame.
bool runs_on(const Stack& stack, std::uintptr_t sp) noexcept {
    const auto bottom = reinterpret_cast<std::uintptr_t>(stack.guard_low);
    return sp >= bottom - kFrameMax && sp <= reinterpret_cast<std::uintptr_t>(stack.top);
}

void report_fault(const Stack* stack, const void* address, const void* context) noexcept {
    const Registers registers = registers_of(context);
    const bool is_overflow = stack != nullptr && runs_on(*stack, registers.sp);
    Report report;
    report.add(is_overflow ? "weft: stack overflow in " : "weft: bad pointer into the guard of ");
    add_owner(report, stack);
    report.add("fault at ").add_number(reinterpret_cast<std::uintptr_t>(address), 16).add(", in ");
    add_place(report, registers.pc);
    report.add(")\n").write();
}

void set_default_action(int signal) noexcept {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
}

/// A fault that the processor met comes again as soon as the handler returns.
bool comes_again(const siginfo_t& info) noexcept {
    return info.si_code > 0;
}

void call_previous(
    const struct sigaction& action, int signal, siginfo_t* info, void* context
) noexcept {
    // The mask that this handler would have had; the kernel restores the thread's own afterwards.
    ::pthread_sigmask(SIG_BLOCK, &action.sa_mask, nullptr);
    if ((action.sa_flags & SA_NODEFER) != 0) {
        sigset_t own;
        ::sigemptyset(&own);
        ::sigaddset(&own, signal);
        ::pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
    }
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(signal, info, context);
    } else {
        action.sa_handler(signal);
    }
}

/// What would have happened without us.
void pass_on(int signal, siginfo_t* info, void* context) noexcept {
    Previous& previous = signal == SIGSEGV ? previous_segv : previous_bus;
    const struct sigaction& action = previous.action;
    // The two special values are no SA_SIGINFO handlers, whatever the flags say.
    const bool is_ignored = action.sa_handler == SIG_IGN;
    const bool is_default =
        action.sa_handler == SIG_DFL || ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0 &&
                                         previous.used_up.exchange(true, relaxed));
    if (!is_ignored && !is_default) {
        call_previous(action, signal, info, context);
        return;
    }
    if (is_ignored && !comes_again(*info)) {
        return;
    }
    // The kernel takes no "ignore" for a fault. It dies in the frame that faulted, not in this one.
    set_default_action(signal);
    if (!comes_again(*info)) {
        ::raise(signal);  // stays pending until the handler returns
    }
}

void on_fault(int signal, siginfo_t* info, void* context) {
    const int saved_errno = errno;
    const Stack* stack = nullptr;
    if (comes_again(*info) && in_guard(info->si_addr, &stack)) {
        report_fault(stack, info->si_addr, context);
        set_default_action(signal);
    } else {
        pass_on(signal, info, context);
    }
    errno = saved_errno;
}

void install(int signal, Previous& previous) noexcept {
    // Read first: a fault may come on another thread as soon as ours is there.
    ::sigaction(signal, nullptr, &previous.action);
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
}

constexpr std::size_t kSignalStackBytes = std::size_t{64} * 1024;

}  // namespace

void install_overflow_handler() noexcept {
    static const bool kInstalled = [] {
        install(SIGSEGV, previous_segv);
        install(SIGBUS, previous_bus);
        return true;
    }();
    static_cast<void>(kInstalled);
}

void set_stack_owner_describer(DescribeStackOwner describe) noexcept {
    describe_owner.store(describe, release);
}

void die_of_broken_canary(const Stack& stack) noexcept {
    Report report;
    report.add("weft: stack overflow in ");
    add_owner(report, &stack);
    report.add("its canary at ")
        .add_number(reinterpret_cast<std::uintptr_t>(stack.low), 16)
        .add(" was overwritten)\n")
        .write();
    std::abort();
}

SignalStack::SignalStack() noexcept {
    void* const memory = ::mmap(
        nullptr,
        kPageBytes + kSignalStackBytes,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0
    );
    if (memory == MAP_FAILED) {
        return;
    }
    stack_t wanted{};
    wanted.ss_sp = static_cast<std::byte*>(memory) + kPageBytes;
    wanted.ss_size = kSignalStackBytes;
    if (::mprotect(memory, kPageBytes, PROT_NONE) != 0 || ::sigaltstack(&wanted, &previous_) != 0) {
        ::munmap(memory, kPageBytes + kSignalStackBytes);
        return;
    }
    memory_ = memory;
}

SignalStack::~SignalStack() {
    if (memory_ != nullptr) {
        ::sigaltstack(&previous_, nullptr);
        ::munmap(memory_, kPageBytes + kSignalStackBytes);
    }
}

}  // namespace weft::rt
