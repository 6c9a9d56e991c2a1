#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace weft::conformance {

/// A step that has begun and not ended.
struct Wait {
    std::string who;
    const nlohmann::json* step = nullptr;
    int since = 0;               // how often everything had come to rest before
    bool must_end = false;       // something has happened that ends it
    bool was_passed_by = false;  // one that came later was served
    bool is_innermost = false;   // no step within it has begun

    [[nodiscard]] std::string operation() const { return (*step)[0]; }
    /// The first argument, where it is a name.
    [[nodiscard]] std::string name() const;
    [[nodiscard]] std::string text() const { return who + " at " + step->dump(); }
};

/// The steps that have begun and not ended: what tasks wait in, when nothing is ready on any loop.
///
/// The order of two steps is known across loops only when everything has come to rest in between.
///
/// Threads   any.
class Waits {
public:
    using Id = std::uint64_t;

    /// A step, from when this is made until it goes.
    class Open {
    public:
        Open(Waits& waits, const std::string& who, const nlohmann::json& step);
        Open(const Open&) = delete;
        Open& operator=(const Open&) = delete;
        ~Open();

        /// The step did what it is for: whom it lets go on must go on.
        void succeeded();

    private:
        Waits& waits_;
        const Id id_;
    };

    /// Everything that is open, now that everything is at rest.
    [[nodiscard]] std::vector<Wait> at_rest();
    /// From here on. Later steps have no smaller number.
    [[nodiscard]] Id next() const;
    /// Those that began before a number.
    [[nodiscard]] std::vector<Wait> before(Id id) const;

private:
    void wake(const std::string& operation, const nlohmann::json& step);

    mutable std::mutex mutex_;  // for what follows
    Id next_ = 0;
    int rests_ = 0;
    std::map<Id, Wait> open_;
    std::map<std::string, int> newest_served_;  // since the last rest, by operation and thing
    std::map<std::string, int> counters_;
    std::map<std::string, int> counters_at_rest_;
};

}  // namespace weft::conformance
