#include "fingerprint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>

#include "files.hpp"

namespace weft::tool {
namespace {

namespace fs = std::filesystem;

/// What the kernel shows, as files of a folder that is gone afterwards.
class MadeUpMachine : public ::testing::Test {
protected:
    MadeUpMachine() {
        std::string name = (fs::temp_directory_path() / "weft-fingerprint-XXXXXX").string();
        root_ = ::mkdtemp(name.data());
    }
    ~MadeUpMachine() override { fs::remove_all(root_); }

    void add(const std::string& path, const std::string& text) const {
        fs::create_directories((root_ / path).parent_path());
        write_file(root_ / path, text);
    }
    void add_cpu(int cpu, const char* socket, const char* core, const char* governor) const {
        const std::string folder = "sys/devices/system/cpu/cpu" + std::to_string(cpu);
        add(folder + "/topology/physical_package_id", socket);
        add(folder + "/topology/core_id", core);
        add(folder + "/cpufreq/scaling_governor", governor);
    }
    [[nodiscard]] const fs::path& root() const { return root_; }

private:
    fs::path root_;
};

TEST_F(MadeUpMachine, IsDescribed) {
    add("proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Made up 9000\nflags\t\t: fpu hypervisor sse2\n\n"
        "processor\t: 1\nmodel name\t: Another\nflags\t\t: fpu\n");
    add("sys/devices/system/cpu/online", "0-3\n");
    add_cpu(0, "0\n", "0\n", "performance\n");
    add_cpu(1, "0\n", "0\n", "performance\n");
    add_cpu(2, "1\n", "0\n", "performance\n");
    add_cpu(3, "1\n", "1\n", "powersave\n");
    add("sys/devices/system/node/online", "0-1\n");
    add("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    const Json machine = take_fingerprint(root());
    EXPECT_EQ(machine.at("cpu"), "Made up 9000");
    EXPECT_EQ(machine.at("sockets"), 2);
    EXPECT_EQ(machine.at("cores"), 3);
    EXPECT_EQ(machine.at("threads"), 4);
    EXPECT_EQ(machine.at("numa_nodes"), 2);
    EXPECT_EQ(machine.at("virtual"), true);
    EXPECT_EQ(machine.at("governor"), "performance, powersave");
    EXPECT_EQ(machine.at("thp"), "madvise");
    EXPECT_EQ(machine.at("cgroup_quota"), "none");
}

TEST_F(MadeUpMachine, ThatTellsNothingIsUnknown) {
    const Json machine = take_fingerprint(root());
    EXPECT_EQ(machine.at("cpu"), "unknown");
    EXPECT_EQ(machine.at("governor"), "unknown");
    EXPECT_EQ(machine.at("thp"), "unknown");
    EXPECT_EQ(machine.at("threads"), 0);
}

// Goal: of the real one all is there, and the text has a line for each.
TEST(Fingerprint, OfThisMachineIsComplete) {
    const Json machine = take_fingerprint();
    for (const char* name :
         {"cpu",
          "sockets",
          "cores",
          "threads",
          "numa_nodes",
          "virtual",
          "kernel",
          "governor",
          "cgroup_quota",
          "affinity",
          "thp",
          "environment",
          "compiler",
          "build",
          "weft",
          "commit",
          "date"}) {
        ASSERT_TRUE(machine.contains(name)) << name;
        EXPECT_FALSE(fingerprint_value(machine.at(name)).empty()) << name;
    }
    EXPECT_GE(machine.at("threads"), 1);
    const std::string date = machine.at("date").get<std::string>();
    EXPECT_TRUE(std::regex_match(date, std::regex("20..-..-..T..:..:..Z"))) << date;
    const std::string commit = machine.at("commit").get<std::string>();
    EXPECT_TRUE(std::regex_match(commit, std::regex("unknown|[0-9a-f]{12,40}(-dirty)?"))) << commit;
    const std::string text = fingerprint_text(machine);
    EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), machine.size());
}

}  // namespace
}  // namespace weft::tool
