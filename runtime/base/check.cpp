#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

#include "base/atomic.hpp"

namespace weft::rt {
namespace {

Atomic<DescribeCurrent> describe_current{nullptr};

}  // namespace

void set_describe_current(DescribeCurrent describe) noexcept {
    describe_current.store(describe, release);
}

void check_failed(const char* condition, const char* text, const char* file, int line) noexcept {
    char task[160] = "";
    // pairs with the release store in set_describe_current
    if (const DescribeCurrent describe = describe_current.load(acquire); describe != nullptr) {
        describe(task, sizeof task);
    }
    std::fprintf(
        stderr,
        "weft: bug: %s (%s) at %s:%d%s%s\n",
        text,
        condition,
        file,
        line,
        task[0] != '\0' ? " in task " : "",
        task
    );
    std::abort();
}

}  // namespace weft::rt
