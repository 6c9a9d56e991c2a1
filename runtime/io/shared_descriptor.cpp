#include "io/shared_descriptor.hpp"

#include <new>

namespace weft::rt {
namespace {

/// Closes a descriptor on its loop; without the loop, whose reactor is gone, the bare number.
class CloseOnLoop {
public:
    CloseOnLoop(Descriptor* descriptor, int fd) noexcept : descriptor_(descriptor), fd_(fd) {}

    void operator()() noexcept {
        static_cast<void>(fd_.release());
        descriptor_->home().close(*descriptor_);
    }

private:
    Descriptor* descriptor_;
    UniqueFd fd_;
};

}  // namespace

void SharedDescriptor::finish_close() noexcept {
    if (home_.is_here()) {
        descriptor_->home().close(*descriptor_);
        return;
    }
    try {
        home_.run(CloseOnLoop(descriptor_, fd_));
    } catch (const std::bad_alloc&) {
        return;  // the number is closed all the same; only the slot stays taken
    }
}

}  // namespace weft::rt
