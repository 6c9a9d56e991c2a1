#include "digest.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <new>
#include <weft/errors.hpp>

#include "base/posix.hpp"

namespace weft::tool {
namespace {

constexpr std::size_t kReadSize = 128 * 1024;

std::error_code system_error(long negative_errno) {
    return {static_cast<int>(-negative_errno), std::system_category()};
}

}  // namespace

FileHasher::FileHasher(const EVP_MD& type)
    : type_(type),
      context_(EVP_MD_CTX_new()),
      // Not cleared: it is read into before it is read.
      chunk_(std::make_unique_for_overwrite<unsigned char[]>(kReadSize)) {
    if (context_ == nullptr) {
        throw std::bad_alloc();
    }
}

FileHasher::Result FileHasher::hash(const char* path) {
    Result result;
    // Found a moment ago as a regular file. If it is a link or a FIFO by now, opening it neither
    // follows nor waits.
    constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    const rt::UniqueFd file(rt::retried([&] { return ::open(path, kFlags); }));
    if (file.get() < 0) {
        result.error = system_error(file.get());
        return result;
    }
    bool good = EVP_DigestInit_ex2(context_.get(), &type_, nullptr) == 1;
    while (good) {
        // These reads block the loop this task is on, as files know no readiness. That is the trade
        // of this command: all its tasks want is the CPU and the page cache.
        const ssize_t count = rt::retried(::read, file.get(), chunk_.get(), kReadSize);
        if (count < 0) {
            result.error = system_error(count);
            return result;
        }
        if (count == 0) {
            break;
        }
        const auto size = static_cast<std::size_t>(count);
        good = EVP_DigestUpdate(context_.get(), chunk_.get(), size) == 1;
        result.bytes += size;
    }
    if (!good || EVP_DigestFinal_ex(context_.get(), result.digest.data(), nullptr) != 1) {
        result.error = std::make_error_code(std::errc::not_supported);
    }
    return result;
}

HasherPool::HasherPool() : type_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
    if (type_ == nullptr) {
        throw RuntimeError("OpenSSL has no SHA-256");
    }
}

HasherPool::Lease HasherPool::take() {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
        Lease lease(idle_.back().release(), GiveBack{this});
        idle_.pop_back();
        return lease;
    }
    idle_.reserve(made_ + 1);
    Lease lease(new FileHasher(*type_), GiveBack{this});
    ++made_;
    return lease;
}

void HasherPool::give_back(FileHasher* hasher) noexcept {
    const std::lock_guard lock(mutex_);
    idle_.emplace_back(hasher);
}

}  // namespace weft::tool
