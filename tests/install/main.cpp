#include <cstdio>
#include <weft/weft.hpp>

int main() {
    const int answer = weft::run([] {
        auto task = weft::create_task([] { return 42; });
        return weft::await(task);
    });
    std::printf("%d\n", answer);
    return answer == 42 ? 0 : 1;
}
