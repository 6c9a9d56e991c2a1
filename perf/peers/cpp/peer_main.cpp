#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "peer.hpp"

// The main() of every peer in C++.

namespace weft::perf {
namespace {

std::map<std::string, RunPeer, std::less<>>& all() {
    static std::map<std::string, RunPeer, std::less<>> added;
    return added;
}

}  // namespace

bool add_peer(std::string_view name, RunPeer run) {
    all().emplace(name, run);
    return true;
}

}  // namespace weft::perf

int main(int count, char** words) {
    weft::perf::Run run;
    return weft::perf::run_program(count, words, run, [&](std::string_view name) {
        const auto found = weft::perf::all().find(name);
        if (found == weft::perf::all().end()) {
            return false;
        }
        found->second(run);
        return true;
    });
}
