#pragma once

#include <cstddef>
#include <new>

namespace weft::rt {

/// For a static that may be asked for after every other static has ended. It lies in place: the first
/// to ask may be one for whom there is no memory.
template <class T>
class NeverDestroyed {
public:
    NeverDestroyed() { new (storage_) T; }
    NeverDestroyed(const NeverDestroyed&) = delete;
    NeverDestroyed& operator=(const NeverDestroyed&) = delete;
    ~NeverDestroyed() = default;

    [[nodiscard]] T& get() noexcept { return *std::launder(reinterpret_cast<T*>(storage_)); }

private:
    alignas(T) std::byte storage_[sizeof(T)];
};

}  // namespace weft::rt
