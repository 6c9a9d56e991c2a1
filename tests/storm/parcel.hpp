#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "storm/plant.hpp"

namespace weft::storm {

/// An item with a destructor. `alive` is how many there are.
class Parcel {
public:
    Parcel(std::atomic<std::int64_t>& alive, std::size_t id)
        : alive_(&alive), id_(std::make_unique<std::size_t>(id)) {
        alive_->fetch_add(1);
    }
    Parcel(Parcel&& other) noexcept : alive_(other.alive_), id_(std::move(other.id_)) {
        alive_->fetch_add(1);
    }
    Parcel(const Parcel&) = delete;
    Parcel& operator=(const Parcel&) = delete;
    Parcel& operator=(Parcel&&) = delete;
    ~Parcel() {
        if (!planted(Plant::ParcelLeaked)) {
            alive_->fetch_sub(1);
        }
    }

    [[nodiscard]] std::size_t id() const noexcept { return *id_; }

private:
    std::atomic<std::int64_t>* alive_;
    std::unique_ptr<std::size_t> id_;
};

}  // namespace weft::storm
