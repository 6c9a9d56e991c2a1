#pragma once

#include <cerrno>
#include <type_traits>
#include <utility>

namespace weft::rt {

/// errno of this thread, now. The only reader of it: libc declares its address constant, and the
/// compiler would keep that over a suspension (R2).
[[nodiscard]] int last_errno() noexcept;

/// Calls a system call wrapper of libc and turns -1 into -errno at once (R2: errno belongs to a
/// thread, and a task may have moved before it looks). Kept out of line from any suspension by
/// being complete before it returns.
template <class Call, class... Arguments>
[[nodiscard]] inline auto checked(Call&& call, Arguments... arguments) noexcept {
    const auto result = call(arguments...);
    using Result = std::remove_const_t<decltype(result)>;
    return result == Result{-1} ? static_cast<Result>(-last_errno()) : result;
}

/// The same, again and again while a signal interrupts it.
template <class Call, class... Arguments>
[[nodiscard]] inline auto retried(Call&& call, Arguments... arguments) noexcept {
    for (;;) {
        const auto result = checked(call, arguments...);
        if (result != -EINTR) {
            return result;
        }
    }
}

/// Owns a file descriptor.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd();

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

}  // namespace weft::rt
