#include "storm/options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string_view>

#include "storm/slow.hpp"

namespace weft::storm {
namespace {

constexpr char kUsage[] =
    R"(usage: storm [OPTION]...

Runs weft's loops, more than there are cores, under a workload that random numbers choose, while another
process stops single threads of it for 1 to 500 ms. After each round nothing may be lost or left.

  --minutes M         for so long (1, when nothing else says when to end)
  --rounds N          so many rounds
  --switches N        until tasks have been switched so often
  --park-cycles N     the park storm: until sleeping loops have been woken so often
  --seed S            of the first round; the next one has S + 1
  --no-freezes        stop no threads
  --least-freezes N   fail with fewer (40 in a run by time or by count), if they are possible
  --hang-after S      seconds without any progress (20, with a sanitizer 80)
  --plant NAME        get something wrong once, which must be found:
)";
constexpr char kMoreUsage[] =
    R"(  --check-freezes     only show that a thread which is stopped stands still
  --refuse-ptrace     for tests: as where the system refuses it

Figures: --switches 10000000 and --park-cycles 10000000.
)";

[[noreturn]] void print_usage() {
    std::printf("%s", kUsage);
    std::string line;
    for (const std::string& name : plant_names()) {
        if (line.size() + name.size() > 70) {
            std::printf("                     %s\n", line.c_str());
            line.clear();
        }
        line += " " + name;
    }
    std::printf("                     %s\n%s", line.c_str(), kMoreUsage);
    std::exit(EXIT_SUCCESS);
}

template <class Number>
Number number_of(std::string_view option, std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < Number{}) {
        throw std::invalid_argument(
            std::string(option) + " takes a number, not '" + std::string(text) + "'"
        );
    }
    return number;
}

/// Options that take no value. False when it is none of them.
bool set_flag(Options& options, std::string_view name) {
    if (name == "--no-freezes") {
        options.freeze = false;
    } else if (name == "--refuse-ptrace") {
        options.refuse_ptrace = true;
    } else if (name == "--check-freezes") {
        options.check_freezes = true;
    } else if (name == "--help" || name == "-h") {
        print_usage();
    } else {
        return false;
    }
    return true;
}

void set_value(Options& options, std::string_view name, std::string_view value) {
    const auto count = [&] { return number_of<std::uint64_t>(name, value); };
    if (name == "--minutes") {
        options.minutes = number_of<double>(name, value);
    } else if (name == "--rounds") {
        options.rounds = count();
    } else if (name == "--switches") {
        options.switches = count();
    } else if (name == "--park-cycles") {
        options.park_cycles = count();
    } else if (name == "--seed") {
        options.seed = count();
    } else if (name == "--least-freezes") {
        options.least_freezes = count();
    } else if (name == "--hang-after") {
        options.hang_after = std::chrono::seconds(count());
    } else if (name == "--plant") {
        options.plant = plant_of(value);
        options.plant_name = value;
    } else {
        throw std::invalid_argument("there is no option " + std::string(name));
    }
}

}  // namespace

Options options_of(int argc, char** argv) {
    constexpr std::uint64_t kLeastFreezes = 40;
    constexpr std::uint64_t kUnset = ~std::uint64_t{0};
    Options options;
    options.program = argv[0];
    options.seed = std::random_device{}();
    options.hang_after = std::chrono::seconds(kSlow ? 80 : 20);
    options.least_freezes = kUnset;
    for (int i = 1; i < argc; ++i) {
        if (!set_flag(options, argv[i])) {
            if (i + 1 == argc) {
                throw std::invalid_argument(std::string("no value, or no option: ") + argv[i]);
            }
            set_value(options, argv[i], argv[i + 1]);
            ++i;
        }
    }
    if (options.minutes == 0 && options.rounds == 0 && options.switches == 0 &&
        options.park_cycles == 0) {
        options.minutes = 1;
    }
    if (options.least_freezes == kUnset) {
        options.least_freezes =
            options.rounds == 0 && options.plant == Plant::None ? kLeastFreezes : 0;
    }
    return options;
}

std::string Options::repeat(std::uint64_t round_seed) const {
    std::string command = program + " --rounds 1 --seed " + std::to_string(round_seed);
    if (park_cycles > 0) {
        command += " --park-cycles 1";
    }
    if (plant != Plant::None) {
        command += " --plant " + plant_name;
    }
    if (std::getenv("WEFT_HOP") != nullptr) {
        command.insert(0, "WEFT_HOP=1 ");
    }
    return command;
}

}  // namespace weft::storm
