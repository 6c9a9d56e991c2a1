#pragma once

#include <cstdint>

#if !defined(__x86_64__)
#include <cfenv>
#endif

namespace weft::rt {

/// Rounding and exception masks (R12). A task that starts gets the default, as it is called on a
/// stack that another task may have left with its own; one that calls another in place gets its own
/// back. Reading them is dear enough (3 to 4 ns for the x87 word), writing them dearer.
class FloatState {
public:
#if defined(__x86_64__)
    [[nodiscard]] static FloatState now() noexcept {
        FloatState state;
        asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(state.mxcsr_), "=m"(state.x87_));
        return state;
    }
    /// Sets the default, where `this` is what is set now.
    void reset() const noexcept {
        set(kDefaultMxcsr, kDefaultX87);
    }
    /// Sets this state, whatever is set now.
    void restore() const noexcept {
        now().set(mxcsr_, x87_);
    }

private:
    static constexpr std::uint32_t kDefaultMxcsr = 0x1F80;
    static constexpr std::uint32_t kMxcsrControl = 0xFFC0;  // the rest are sticky status flags
    static constexpr std::uint16_t kDefaultX87 = 0x037F;

    void set(std::uint32_t mxcsr, std::uint16_t x87) const noexcept {
        if (((mxcsr_ ^ mxcsr) & kMxcsrControl) != 0) [[unlikely]] {
            asm volatile("ldmxcsr %0" : : "m"(mxcsr));
        }
        if (x87_ != x87) [[unlikely]] {
            asm volatile("fldcw %0" : : "m"(x87));
        }
    }

    std::uint32_t mxcsr_ = kDefaultMxcsr;
    std::uint16_t x87_ = kDefaultX87;
#else
    [[nodiscard]] static FloatState now() noexcept {
        FloatState state;
        std::fegetenv(&state.environment_);
        return state;
    }
    void reset() const noexcept {
        std::fesetenv(FE_DFL_ENV);
    }
    void restore() const noexcept {
        std::fesetenv(&environment_);
    }

private:
    std::fenv_t environment_{};
#endif
};

inline void reset_float_state() noexcept {
    FloatState::now().reset();
}

}  // namespace weft::rt
