#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <weft/event.hpp>
#include <weft/queue.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "allocation_scenario.hpp"

// Each has one fault that shows only when a request is refused: the sweep has to find it.

namespace weft::test {
namespace {

/// Asks for memory where the compiler cannot see that nobody needs it.
[[gnu::noinline]] std::unique_ptr<int> ask(int value) {
    return std::make_unique<int>(value);
}

/// Three requests for memory; the fault comes with the second.
template <class Fault>
void with_a_fault(Fault&& fault) {
    const auto first = ask(1);
    fault();
    const auto last = ask(3);
}

void leak_memory(Trial& trial) {
    trial.act([] {
        with_a_fault([] {
            std::unique_ptr<int> kept = ask(1);
            int* const lost = kept.release();
            try {
                static_cast<void>(ask(2));
            } catch (const std::bad_alloc&) {
                throw;
            }
            delete lost;
        });
    });
}

void leak_a_descriptor(Trial& trial) {
    trial.act([] {
        with_a_fault([] {
            const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
            static_cast<void>(ask(2));
            ::close(descriptor);
        });
    });
}

void wait_for_ever(Trial& trial) {
    Event event;
    trial.act([&event] {
        with_a_fault([&event] {
            try {
                static_cast<void>(ask(2));
                event.set();
            } catch (const std::bad_alloc&) {
            }
            event.wait();
        });
    });
}

void leave_a_task(Trial& trial) {
    Event event;
    trial.act([&event] {
        with_a_fault([&event] {
            auto task = create_task([&event] { event.wait(); });
            yield();
            try {
                static_cast<void>(ask(2));
                event.set();
                await(task);
            } catch (const std::bad_alloc&) {
            }
        });
    });
}

void lose_an_item(Trial& trial) {
    Queue<int> queue;
    queue.put(1);
    int received = 0;
    trial.act([&] {
        with_a_fault([&] {
            const int item = queue.get();
            static_cast<void>(ask(2));
            received += item;
        });
    });
    trial.expect(received + static_cast<int>(queue.qsize()) == 1, "an item is lost");
}

void allocate_noexcept() noexcept {
    static_cast<void>(ask(2));
}

void terminate(Trial& trial) {
    trial.act([] { with_a_fault([] { allocate_noexcept(); }); });
}

void rename_an_error(Trial& trial) {
    trial.act([] {
        with_a_fault([] {
            try {
                static_cast<void>(ask(2));
            } catch (const std::bad_alloc&) {
                throw std::runtime_error("something else");
            }
        });
    });
}

void break_for_good(Trial& trial) {
    static bool broken = false;
    trial.act([] {
        if (std::exchange(broken, false)) {
            throw std::runtime_error("it was broken before");
        }
        with_a_fault([] {
            broken = true;
            static_cast<void>(ask(2));
            broken = false;
        });
    });
}

}  // namespace

Scenarios planted_scenarios() {
    return {
        {"memory", &leak_memory},
        {"descriptor", &leak_a_descriptor},
        {"hang", &wait_for_ever},
        {"task", &leave_a_task},
        {"item", &lose_an_item},
        {"crash", &terminate},
        {"error", &rename_an_error},
        {"broken", &break_for_good},
    };
}

}  // namespace weft::test
