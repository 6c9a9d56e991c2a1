#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

namespace weft::tool {

using Sha256 = std::array<unsigned char, 32>;

struct DeleteEvp {
    void operator()(EVP_MD* type) const noexcept { EVP_MD_free(type); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

/// Computes the SHA-256 of files, one after the other. Never suspends.
class FileHasher {
public:
    /// Errors  std::bad_alloc.
    explicit FileHasher(const EVP_MD& type);

    struct Result {
        Sha256 digest{};
        std::uint64_t bytes = 0;
        std::error_code error;
    };
    [[nodiscard]] Result hash(const char* path);

private:
    const EVP_MD& type_;
    std::unique_ptr<EVP_MD_CTX, DeleteEvp> context_;
    std::unique_ptr<unsigned char[]> chunk_;  // too large for a task's stack
};

/// Hands out FileHashers and takes them back, so that there are as many as were in use at a time:
/// one a loop, for users that do not suspend meanwhile. Any thread.
class HasherPool {
public:
    /// Errors  RuntimeError when OpenSSL has no SHA-256.
    HasherPool();

    struct GiveBack {
        HasherPool* pool;
        void operator()(FileHasher* hasher) const noexcept { pool->give_back(hasher); }
    };
    using Lease = std::unique_ptr<FileHasher, GiveBack>;

    /// Errors  std::bad_alloc.
    [[nodiscard]] Lease take();

private:
    void give_back(FileHasher* hasher) noexcept;

    std::unique_ptr<EVP_MD, DeleteEvp> type_;  // fetched once: EVP_MD_fetch() takes a lock
    std::mutex mutex_;
    std::vector<std::unique_ptr<FileHasher>> idle_;  // guarded by mutex_; room for all there are
    std::size_t made_ = 0;                           // guarded by mutex_
};

}  // namespace weft::tool
