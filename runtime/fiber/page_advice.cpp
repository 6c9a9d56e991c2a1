#include "fiber/page_advice.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/posix.hpp"

namespace weft::rt {
namespace {

constexpr int kPidfdSelf = -10000;  // PIDFD_SELF, younger than the headers of Debian 12
constexpr std::size_t kVectorsMax = 64;

}  // namespace

bool advise_together(std::span<const PageRange> ranges, int advice) noexcept {
    std::array<iovec, kVectorsMax> vectors;
    while (!ranges.empty()) {
        const std::size_t count = std::min(ranges.size(), kVectorsMax);
        long bytes = 0;
        for (std::size_t i = 0; i < count; ++i) {
            vectors[i] = {ranges[i].low, ranges[i].bytes};
            bytes += static_cast<long>(ranges[i].bytes);
        }
        // glibc 2.36 has a wrapper; musl and older ones have none.
        const long done = retried(
            ::syscall, long{SYS_process_madvise}, kPidfdSelf, vectors.data(), count, advice, 0U
        );
        if (done != bytes) {
            return false;
        }
        ranges = ranges.subspan(count);
    }
    return true;
}

bool advise_each(std::span<const PageRange> ranges, int advice) noexcept {
    return std::ranges::all_of(ranges, [advice](const PageRange& range) {
        return retried(::madvise, range.low, range.bytes, advice) == 0;
    });
}

}  // namespace weft::rt
