#include <chrono>
#include <cstdio>
#include <string>
#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::string fetch(int number) {
    weft::sleep(1ms * number);
    return "page " + std::to_string(number);
}

}  // namespace

int main() {
    return weft::run([] {
        // [readme:scopes]
        // Both at once, on whatever loops are free; the results in the order of the arguments.
        auto [first, second] = weft::await(
            weft::gather(weft::spawn([] { return fetch(1); }), weft::spawn([] { return fetch(2); }))
        );
        std::printf("%s, %s\n", first.c_str(), second.c_str());

        // A scope is a function. Its tasks have ended when it has; the first error cancels the rest.
        weft::task_group([](weft::TaskGroup& group) {
            for (int i = 3; i < 6; ++i) {
                group.spawn([i] { std::printf("%s\n", fetch(i).c_str()); });
            }
        });

        try {
            weft::timeout(10ms, [] { weft::sleep(1h); });
        } catch (const weft::TimeoutError&) {
            std::puts("too late");
        }
        // [/readme]
        return 0;
    });
}
