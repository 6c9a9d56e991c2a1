#include "io/home.hpp"

#include <string>
#include <weft/errors.hpp>

namespace weft::rt {

Worker& Home::running(const char* what) {
    Carrier* const carrier = current_carrier();
    if (carrier == nullptr) {
        throw RuntimeError(std::string(what) + ": no running event loop on this thread");
    }
    return static_cast<Worker&>(*carrier);
}

void Home::throw_elsewhere(const char* what) {
    throw RuntimeError(
        std::string(what) + ": the stream belongs to another runtime than the one that runs here"
    );
}

}  // namespace weft::rt
