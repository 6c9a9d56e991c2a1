#include "sched/cpu_quota.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "sched/environment.hpp"

// The way to the files, as the kernel tells it:
//
//   /proc/self/cgroup      the process is in cgroup P of a hierarchy; P is "/" at the root of the
//                          process's cgroup namespace, and starts with "/.." outside of it
//   /proc/self/mountinfo   cgroup R of that hierarchy is mounted at directory D
//
// If R is P or an ancestor of P, the ancestors that can be seen are D and each step from D along
// the rest of P. A container made before cgroup namespaces has R = P = "/docker/1f2e".

namespace weft::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShown = 40;  // bytes of a text that a warning quotes

enum class Version { V1, V2 };

struct Mount {
    Version version;
    std::string cgroup;     // R
    std::string directory;  // D
};

std::optional<std::string> read_file(const fs::path& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        return std::nullopt;
    }
    // Inserting the buffer turns a failing read into an empty text; an iterator over it throws.
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool has_field(std::string_view list, char separator, std::string_view wanted) {
    bool found = false;
    for_each_field(list, separator, [&](std::string_view field) { found |= field == wanted; });
    return found;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> fields;
    for_each_field(text, separator, [&](std::string_view field) {
        if (!field.empty()) {
            fields.push_back(field);
        }
    });
    return fields;
}

/// Undoes mountinfo's escapes: a space is written \040.
std::string unescape(std::string_view text) {
    const auto is_octal = [](char digit) { return digit >= '0' && digit <= '7'; };
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::string_view digits = text.substr(std::min(at + 1, text.size()), 3);
        if (text[at] == '\\' && digits.size() == 3 &&
            std::all_of(digits.begin(), digits.end(), is_octal)) {
            unsigned value = 0;
            std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
            plain.push_back(static_cast<char>(value));
            at += digits.size();
        } else {
            plain.push_back(text[at]);
        }
    }
    return plain;
}

/// Reads a line "30 22 0:27 R D options [optional fields] - type source super-options".
std::optional<Mount> parse_mount(std::string_view line) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto mounted = split(line.substr(0, dash), ' ');
    const auto system = split(line.substr(dash + 3), ' ');
    if (mounted.size() < 5 || system.empty()) {
        return std::nullopt;
    }
    const bool is_v2 = system.front() == "cgroup2";
    const bool is_v1_cpu = system.front() == "cgroup" && has_field(system.back(), ',', "cpu");
    if (!is_v2 && !is_v1_cpu) {
        return std::nullopt;
    }
    return Mount{is_v2 ? Version::V2 : Version::V1, unescape(mounted[3]), unescape(mounted[4])};
}

/// The part of path below ancestor ("" if they are the same); nothing if it is not below.
std::optional<std::string_view> below(std::string_view path, std::string_view ancestor) {
    if (ancestor == "/") {
        ancestor = "";
    }
    if (!path.starts_with(ancestor)) {
        return std::nullopt;
    }
    path.remove_prefix(ancestor.size());
    if (!path.empty() && path.front() != '/') {
        return std::nullopt;
    }
    return path;
}

/// Visits limits and keeps the least.
class LeastQuota {
public:
    explicit LeastQuota(const fs::path& root) : root_(root) {}

    /// Looks at the cgroup mounted at directory and at each step from it along rest.
    void visit(Version version, const std::string& directory, std::string_view rest) {
        fs::path at = root_ / fs::path{directory}.relative_path();
        look_at(version, at);
        for (const std::string_view step : split(rest, '/')) {
            at /= step;
            look_at(version, at);
        }
    }

    [[nodiscard]] std::optional<double> value() const noexcept { return least_; }

    void warn_if_puzzled() const {
        if (!puzzle_.empty()) {
            log_warning("CPU quota: cannot understand " + puzzle_ + "; taken as no limit");
        }
    }

private:
    void look_at(Version version, const fs::path& cgroup) {
        if (version == Version::V2) {
            look_at_v2(cgroup / "cpu.max");
        } else {
            look_at_v1(cgroup / "cpu.cfs_quota_us", cgroup / "cpu.cfs_period_us");
        }
    }

    void look_at_v2(const fs::path& path) {  // "max 100000" or "50000 100000"
        const auto text = read_file(path);
        if (!text) {
            return;
        }
        const auto fields = split(first_line(*text), ' ');
        if (!fields.empty() && fields.front() == "max") {
            return;
        }
        if (fields.size() == 2) {
            keep(path, *text, parse(fields[0]), parse(fields[1]));
        } else {
            puzzle(path, *text);
        }
    }

    void look_at_v1(const fs::path& quota_path, const fs::path& period_path) {
        const auto quota_text = read_file(quota_path);
        const auto period_text = read_file(period_path);
        if (!quota_text || !period_text) {
            return;
        }
        const auto quota = parse(first_line(*quota_text));
        if (quota && *quota < 0) {  // -1: no limit
            return;
        }
        const auto period = parse(first_line(*period_text));
        const bool is_quota_clear = quota && *quota > 0;
        keep(
            is_quota_clear ? period_path : quota_path,
            is_quota_clear ? *period_text : *quota_text,
            quota,
            period
        );
    }

    void keep(
        const fs::path& path,
        std::string_view text,
        std::optional<long long> quota,
        std::optional<long long> period
    ) {
        if (!quota || !period || *quota <= 0 || *period <= 0) {  // the kernel writes no such thing
            puzzle(path, text);
            return;
        }
        const double cpus = static_cast<double>(*quota) / static_cast<double>(*period);
        least_ = std::min(least_.value_or(cpus), cpus);
    }

    void puzzle(const fs::path& path, std::string_view text) {
        if (puzzle_.empty()) {
            puzzle_ =
                path.string() + " ('" + std::string{first_line(text).substr(0, kShown)} + "')";
        }
    }

    static std::string_view first_line(std::string_view text) {
        return text.substr(0, text.find('\n'));
    }

    static std::optional<long long> parse(std::string_view text) {
        long long value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
    }

    const fs::path& root_;
    std::optional<double> least_;
    std::string puzzle_;
};

/// Visits what the mounts show of the process's ancestors in one hierarchy.
void visit_hierarchy(
    Version version, std::string_view process, const std::vector<Mount>& mounts, LeastQuota& least
) {
    bool is_seen = false;
    for (const Mount& mount : mounts) {
        const auto rest = below(process, mount.cgroup);
        if (mount.version == version && rest) {
            is_seen = true;
            // Outside of what is mounted ("/../sibling"): the mount is no ancestor.
            if (!has_field(*rest, '/', "..")) {
                least.visit(version, mount.directory, *rest);
            }
        }
    }
    if (is_seen) {
        return;
    }
    // No mount is an ancestor by name: a container that shows the host's names in one file and its
    // own in the other. What it has mounted is then its own cgroup.
    for (const Mount& mount : mounts) {
        if (mount.version == version) {
            least.visit(version, mount.directory, "");
        }
    }
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
    const std::string cgroups = read_file(root / "proc/self/cgroup").value_or("");
    const std::string mountinfo = read_file(root / "proc/self/mountinfo").value_or("");
    std::vector<Mount> mounts;
    for_each_field(mountinfo, '\n', [&](std::string_view line) {
        if (auto mount = parse_mount(line)) {
            mounts.push_back(*std::move(mount));
        }
    });

    LeastQuota least{root};
    for_each_field(cgroups, '\n', [&](std::string_view line) {  // "4:cpu,cpuacct:/a" or "0::/a"
        const std::size_t first = line.find(':');
        const std::size_t second = first == line.npos ? first : line.find(':', first + 1);
        if (second == line.npos) {
            return;
        }
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const std::string_view process = line.substr(second + 1);
        if (controllers.empty()) {
            visit_hierarchy(Version::V2, process, mounts, least);
        } else if (has_field(controllers, ',', "cpu")) {
            visit_hierarchy(Version::V1, process, mounts, least);
        }
    });
    least.warn_if_puzzled();
    return least.value();
}

}  // namespace weft::rt
