#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>
#include <weft/delay.hpp>
#include <weft/detail/wait_many.hpp>

namespace weft::detail {

/// In which order futures become done.
///
/// Threads   who made it asks; any thread tells.
class Completions {
public:
    Completions(const Futures& futures, std::optional<Delay> timeout);
    Completions(const Completions&) = delete;
    Completions& operator=(const Completions&) = delete;
    ~Completions();

    /// Waits for the next and returns its place; nothing when all were returned. Throws TimeoutError
    /// for each that was not done when the time was up.
    [[nodiscard]] std::optional<std::size_t> next();

private:
    class Shared;
    class Handles;

    std::shared_ptr<Shared> shared_;
    std::unique_ptr<Handles> handles_;
    std::size_t left_;
};

}  // namespace weft::detail
