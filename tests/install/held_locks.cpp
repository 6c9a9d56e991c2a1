#include <mutex>
#include <weft/weft.hpp>

// Dies, named, where weft::held_locks is linked as it should be.
int main() {
    std::mutex mutex;
    weft::run([&mutex] {
        weft::current_task().set_name("careless");
        const std::lock_guard held(mutex);
        weft::yield();
    });
}
