#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <weft/run.hpp>
#include <weft/task.hpp>

#include "program.hpp"

// The faults that valgrind has to find. Each stands in a function of its own, whose name valgrind
// has to tell: then it has found its way down the task's stack, too.

namespace weft::test {
namespace {

/// What the optimizer knows nothing of.
template <class T>
T* hidden(T* address) noexcept {
    asm volatile("" : "+r"(address) : : "memory");
    return address;
}

[[gnu::noinline]] void read_freed_memory() {
    int* const block = hidden(static_cast<int*>(std::malloc(1000)));
    *block = 1;
    std::free(hidden(block));
    migrate();
    static_cast<void>(*static_cast<volatile int*>(hidden(block)));
}

[[gnu::noinline]] void branch_on_unset_local() {
    std::array<int, 16> local;  // NOLINT: nobody sets it
    int* const kept = hidden(local.data());
    migrate();
    if (*hidden(kept) == 42) {
        std::puts("42");
    }
}

[[gnu::noinline]] void lose_a_block() {
    char* const block = hidden(static_cast<char*>(std::malloc(888)));
    migrate();
    *block = 1;
}

[[gnu::noinline]] void write_past_a_block() {
    char* const block = hidden(static_cast<char*>(std::malloc(777)));
    migrate();
    *hidden(block + 777) = 1;
    std::free(block);
}

namespace fcontext = boost::context::detail;

void return_at_once(fcontext::transfer_t from) {
    fcontext::jump_fcontext(from.fctx, nullptr);
}

/// No fault of a task's: what valgrind says of stacks that nobody has told it of. Weft's would look
/// the same to it.
void switch_to_an_unknown_stack() {
    constexpr std::size_t kBytes = std::size_t{64} * 1024;
    void* const low =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(low != MAP_FAILED, "there is memory for a stack");
    fcontext::jump_fcontext(
        fcontext::make_fcontext(static_cast<char*>(low) + kBytes, kBytes, &return_at_once), nullptr
    );
    ::munmap(low, kBytes);
}

template <void (*fault)()>
void in_a_task() {
    weft::run([] { await(spawn(fault)); }, several_loops(true));
}

struct Fault {
    std::string_view name;
    void (*commit)();
};

constexpr std::array kFaults{
    Fault{"freed", &in_a_task<&read_freed_memory>},
    Fault{"unset", &in_a_task<&branch_on_unset_local>},
    Fault{"leak", &in_a_task<&lose_a_block>},
    Fault{"past", &in_a_task<&write_past_a_block>},
    Fault{"stack", &switch_to_an_unknown_stack},
};

}  // namespace

bool plant(std::string_view fault) {
    const auto* const found = std::ranges::find(kFaults, fault, &Fault::name);
    if (found == kFaults.end()) {
        return false;
    }
    found->commit();
    return true;
}

}  // namespace weft::test
