#include "sched/cpu_quota.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <tuple>

#include "sched/process_state.hpp"

namespace weft::rt {
namespace {

using testing::CapturedLog;

constexpr const char* kMountV2 = "25 1 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
constexpr const char* kMountV1 =
    "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";

/// A made-up root directory with the files that the kernel would show.
class CpuQuota : public ::testing::Test {
protected:
    CpuQuota() {
        std::string name = std::filesystem::temp_directory_path() / "weft-quota-XXXXXX";
        root_ = ::mkdtemp(name.data());
    }
    ~CpuQuota() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories((root_ / path).parent_path());
        std::ofstream{root_ / path} << text;
    }
    void process(const std::string& cgroup, const std::string& mountinfo) {
        write("proc/self/cgroup", cgroup);
        write("proc/self/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n" + mountinfo);
    }
    void write_v1(const std::string& cgroup, const std::string& quota, const std::string& period) {
        const std::string directory = "sys/fs/cgroup/cpu,cpuacct" + cgroup;
        write(directory + "/cpu.cfs_quota_us", quota + "\n");
        write(directory + "/cpu.cfs_period_us", period + "\n");
    }
    [[nodiscard]] std::optional<double> quota() const { return cpu_quota(root_); }

    std::filesystem::path root_;
    CapturedLog log_;
};

TEST_F(CpuQuota, NothingThereIsNoLimit) {
    EXPECT_EQ(quota(), std::nullopt);
    process("", "");
    EXPECT_EQ(quota(), std::nullopt);
    process("0::/user.slice\n", kMountV2);  // named, but without files
    EXPECT_EQ(quota(), std::nullopt);
    EXPECT_TRUE(CapturedLog::lines().empty());
}

TEST_F(CpuQuota, ReadsV2) {
    process("0::/job\n", kMountV2);
    write("sys/fs/cgroup/job/cpu.max", "150000 100000\n");
    EXPECT_EQ(quota(), 1.5);
    write("sys/fs/cgroup/job/cpu.max", "max 100000\n");
    EXPECT_EQ(quota(), std::nullopt);
    EXPECT_TRUE(CapturedLog::lines().empty());
}

// Precedent: golang/go#81180, where only the leaf is read.
TEST_F(CpuQuota, TightestAncestorInTheMiddleWins) {
    process("0::/a/b/c/d\n", kMountV2);
    write("sys/fs/cgroup/a/cpu.max", "400000 100000\n");
    write("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
    write("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    write("sys/fs/cgroup/a/b/c/d/cpu.max", "300000 100000\n");
    EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuQuota, ReadsV1WithItsAncestors) {
    process("5:memory:/a\n4:cpu,cpuacct:/a/b/c\n1:name=systemd:/\n", kMountV1);
    write_v1("", "-1", "100000");
    write_v1("/a", "800000", "100000");
    write_v1("/a/b", "125000", "50000");
    write_v1("/a/b/c", "-1", "100000");
    EXPECT_EQ(quota(), 2.5);
    EXPECT_TRUE(CapturedLog::lines().empty());
}

TEST_F(CpuQuota, IgnoresOtherControllersOfV1) {
    process(
        "4:cpuacct,cpuset:/a\n", "31 30 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    );
    write("sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "50000\n");
    write("sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, HybridTakesTheLesserOfBoth) {
    process(
        "3:cpu,cpuacct:/a\n0::/s\n",
        std::string{kMountV1} + "40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    );
    write_v1("/a", "300000", "100000");
    EXPECT_EQ(quota(), 3.0);
    write("sys/fs/cgroup/unified/s/cpu.max", "200000 100000\n");
    EXPECT_EQ(quota(), 2.0);
    write_v1("/a", "100000", "100000");
    EXPECT_EQ(quota(), 1.0);
}

TEST_F(CpuQuota, HybridLooksForEachCgroupInItsOwnHierarchy) {
    process(
        "3:cpu,cpuacct:/a\n0::/s\n",
        std::string{kMountV1} + "40 30 0:37 /../.. /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    );
    write("sys/fs/cgroup/unified/cpu.max", "200000 100000\n");
    EXPECT_EQ(quota(), 2.0);
}

TEST_F(CpuQuota, NamespaceShowsTheMountAsRoot) {
    process("0::/\n", kMountV2);
    write("sys/fs/cgroup/cpu.max", "70000 100000\n");
    EXPECT_EQ(quota(), 0.7);
}

TEST_F(CpuQuota, ContainerWithoutNamespaceHasTheMountAtItsOwnCgroup) {
    process(
        "4:cpu,cpuacct:/docker/1f2e/sub\n",
        "31 30 0:28 /docker/1f2e /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
    );
    write_v1("", "200000", "100000");
    write_v1("/sub", "150000", "100000");
    EXPECT_EQ(quota(), 1.5);
    write_v1("/sub", "-1", "100000");
    EXPECT_EQ(quota(), 2.0);
}

TEST_F(CpuQuota, PrefixOfANameIsNoAncestor) {
    const std::string other = "26 1 0:22 /docker/1f /other rw - cgroup2 cgroup2 rw\n";
    process("0::/docker/1f2e\n", kMountV2 + other);
    write("other/cpu.max", "10000 100000\n");
    write("sys/fs/cgroup/docker/cpu.max", "300000 100000\n");
    EXPECT_EQ(quota(), 3.0);
}

TEST_F(CpuQuota, HostNamesOverAContainersMountFindTheMount) {
    process("0::/kubepods/pod1/c1\n", kMountV2);  // the directories do not exist in here
    write("sys/fs/cgroup/cpu.max", "50000 100000\n");
    EXPECT_EQ(quota(), 0.5);

    process("0::/\n", "26 1 0:22 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuQuota, ProcessOutsideOfItsNamespaceDoesNotLeaveTheMount) {
    process("0::/../../job\n", kMountV2);
    write("sys/fs/cgroup/cpu.max", "50000 100000\n");  // no ancestor of the process
    write("sys/job/cpu.max", "10000 100000\n");
    EXPECT_EQ(quota(), std::nullopt);

    process("0::/../job\n", "26 1 0:22 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    write("sys/fs/cgroup/job/cpu.max", "25000 100000\n");
    EXPECT_EQ(quota(), 0.25);
}

TEST_F(CpuQuota, UnderstandsEscapesAndColonsInNames) {
    process("0::/my job:1\n", "26 1 0:22 / /mnt/c\\040group rw - cgroup2 cgroup2 rw\n");
    write("mnt/c group/my job:1/cpu.max", "250000 100000\n");
    EXPECT_EQ(quota(), 2.5);
}

TEST_F(CpuQuota, GarbageIsIgnoredWithOneWarning) {
    process("0::/a/b\n", kMountV2);
    write("sys/fs/cgroup/a/cpu.max", "plenty\n");
    write("sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
    write("sys/fs/cgroup/cpu.max", "0 0\n");
    EXPECT_EQ(quota(), 2.0);
    EXPECT_TRUE(CapturedLog::is_one_with("cpu.max ('0 0')"));
}

class CpuQuotaGarbage : public CpuQuota, public ::testing::WithParamInterface<const char*> {};

TEST_P(CpuQuotaGarbage, V2) {
    process("0::/a\n", kMountV2);
    write("sys/fs/cgroup/a/cpu.max", GetParam());
    EXPECT_EQ(quota(), std::nullopt);
    EXPECT_TRUE(CapturedLog::is_one_with("cpu.max"));
}

INSTANTIATE_TEST_SUITE_P(
    Texts,
    CpuQuotaGarbage,
    ::testing::Values(
        "",
        "\n",
        "-1 100000\n",
        "0 100000\n",
        "100000 0\n",
        "100000\n",
        "1e5 100000\n",
        "100000 100000 1\n",
        "99999999999999999999 100000\n",
        "nan nan\n",
        "100000 100000\xff\n"
    )
);

TEST_F(CpuQuota, GarbageInV1) {
    process("4:cpu,cpuacct:/a\n", kMountV1);
    for (const auto& [quota_text, period, blamed] :
         {std::tuple{"many", "100000", "cfs_quota_us ('many')"},
          std::tuple{"0", "100000", "cfs_quota_us ('0')"},
          std::tuple{"100000", "0", "cfs_period_us ('0')"},
          std::tuple{"100000", "", "cfs_period_us ('')"}}) {
        CapturedLog::lines().clear();
        write_v1("/a", quota_text, period);
        EXPECT_EQ(quota(), std::nullopt);
        EXPECT_TRUE(CapturedLog::is_one_with(blamed)) << blamed;
    }
}

TEST_F(CpuQuota, HalfOfV1MissingIsNoLimit) {
    process("4:cpu,cpuacct:/a\n", kMountV1);
    write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n");
    EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, DirectoryInPlaceOfTheFileDoesNotThrow) {
    process("0::/a\n", kMountV2);
    std::filesystem::create_directories(root_ / "sys/fs/cgroup/a/cpu.max");
    EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, BrokenProcFilesAreNoLimit) {
    process("0\n0:\n::\n0::\n\n", "short\n - \n1 2 3 - cgroup2\n1 2 3 4 5 - \n");
    EXPECT_EQ(quota(), std::nullopt);
    process("0::/a\n", kMountV2);
    write("sys/fs/cgroup/a/cpu.max", "50000 100000");  // no newline at the end
    EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuQuota, ThisMachineIsUnderstood) {
    const auto here = cpu_quota();
    EXPECT_TRUE(CapturedLog::lines().empty());
    EXPECT_TRUE(!here || *here > 0);
}

}  // namespace
}  // namespace weft::rt
