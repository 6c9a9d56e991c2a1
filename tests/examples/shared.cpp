#include <cstdio>
#include <string>
#include <thread>
#include <vector>
#include <weft/weft.hpp>

int main() {
    // [readme:threads]
    weft::Runtime runtime;
    runtime.start();  // every loop on a thread of its own

    // Futures, locks and queues work across loops and from plain threads.
    weft::Queue<int> queue;
    auto sum = runtime.spawn([&queue] {
        int total = 0;
        for (int i = 0; i < 100; ++i) {
            total += queue.get();  // suspends the task
        }
        return total;
    });
    std::thread producer([&queue] {
        for (int i = 1; i <= 100; ++i) {
            queue.put(i);  // on a plain thread it would block, were the queue full
        }
    });
    std::printf("sum: %d\n", sum.get());  // blocks this plain thread
    // [/readme]
    producer.join();
}
