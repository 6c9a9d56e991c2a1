// [readme:first]
#include <chrono>
#include <cstdio>
#include <weft/weft.hpp>

using namespace std::chrono_literals;

long count_primes(long below) {
    long count = 0;
    for (long n = 2; n < below; ++n) {
        long divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0) {
            ++divisor;
        }
        count += divisor * divisor > n ? 1 : 0;
    }
    return count;
}

int main() {
    return weft::run([] {                   // asyncio.run: one loop per core; this task on loop 0
        auto tick = weft::create_task([] {  // stays on this loop, in asyncio's order
            for (int i = 0; i < 3; ++i) {
                weft::sleep(10ms);  // suspends the task, not the thread
                std::puts("tick");
            }
        });
        auto small = weft::spawn([] { return count_primes(50'000); });  // any idle loop may take it
        auto large = weft::spawn([] { return count_primes(100'000); });
        std::printf("primes: %ld and %ld\n", weft::await(small), weft::await(large));
        weft::await(tick);
        return 0;
    });
}
// [/readme]
