#pragma once

#include <cstdint>

#if !defined(__x86_64__)
#include <cfenv>
#endif

namespace weft::rt {

/// Gives a task that starts the default rounding and exception masks (R12): it is called on a stack
/// that another task may have left with its own. Reading the two words costs less than writing
/// them.
inline void reset_float_state() noexcept {
#if defined(__x86_64__)
    constexpr std::uint32_t kDefaultMxcsr = 0x1F80;
    constexpr std::uint32_t kMxcsrControl = 0xFFC0;  // the rest are sticky status flags
    constexpr std::uint16_t kDefaultX87 = 0x037F;
    std::uint32_t mxcsr = 0;
    std::uint16_t x87 = 0;
    asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    if ((mxcsr & kMxcsrControl) != kDefaultMxcsr) [[unlikely]] {
        asm volatile("ldmxcsr %0" : : "m"(kDefaultMxcsr));
    }
    if (x87 != kDefaultX87) [[unlikely]] {
        asm volatile("fldcw %0" : : "m"(kDefaultX87));
    }
#else
    std::fesetenv(FE_DFL_ENV);
#endif
}

/// The rounding and exception masks of a task that calls another one in place, which must not
/// change them under it.
class FloatState {
public:
#if defined(__x86_64__)
    [[nodiscard]] static FloatState now() noexcept {
        FloatState state;
        asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(state.mxcsr_), "=m"(state.x87_));
        return state;
    }
    void restore() const noexcept {
        const FloatState found = now();
        if (found.mxcsr_ != mxcsr_) [[unlikely]] {
            asm volatile("ldmxcsr %0" : : "m"(mxcsr_));
        }
        if (found.x87_ != x87_) [[unlikely]] {
            asm volatile("fldcw %0" : : "m"(x87_));
        }
    }

private:
    std::uint32_t mxcsr_ = 0;
    std::uint16_t x87_ = 0;
#else
    [[nodiscard]] static FloatState now() noexcept {
        FloatState state;
        std::fegetenv(&state.environment_);
        return state;
    }
    void restore() const noexcept {
        std::fesetenv(&environment_);
    }

private:
    std::fenv_t environment_{};
#endif
};

}  // namespace weft::rt
