#include "tree_hash.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <weft/run.hpp>

#include "base/atomic.hpp"

namespace weft::tool {
namespace {

// Enough for every loop to find work, and few enough that a tree of any shape and size needs little
// memory for its tasks.
constexpr int kTasksPerLoop = 64;
// So many files are one task: a few hundred microseconds, beside which its own cost is nothing.
constexpr std::size_t kFilesPerTask = 16;

/// What a task has before it. Directories bring forth more of both.
struct Work {
    std::vector<std::string> directories;
    std::vector<std::string> files;
};

/// Moves all of `from` to the end of `to`.
template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
    if (to.empty()) {
        to.swap(from);
        return;
    }
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void append(TreeHash& to, TreeHash from) {
    append(to.files, from.files);
    append(to.problems, from.problems);
    to.bytes += from.bytes;
}

/// A hash of one tree: the tasks, which split their work as long as there are not too many of them,
/// and what they share. They share its ownership, too, as one that fails leaves its children behind.
class Walk : public std::enable_shared_from_this<Walk> {
public:
    explicit Walk(int tasks_max) : tasks_max_(tasks_max) {}

    /// Does the work, or has it done by tasks it waits for. Runs in a task.
    TreeHash process(Work work);

private:
    using Children = std::vector<Task<TreeHash>>;

    bool may_spawn() noexcept;
    void spawn_child(Work work, Children& children);
    void split(Work& work, Children& children);
    void list(const std::string& directory, Work& work, Children& children, TreeHash& result);
    void hash(const std::vector<std::string>& files, TreeHash& result);

    HasherPool hashers_;
    const int tasks_max_;
    rt::Atomic<int> tasks_{0};  // relaxed: a bound on how many, and guards nothing
};

TreeHash Walk::process(Work work) {
    TreeHash result;
    Children children;
    while (!work.directories.empty()) {
        const std::string directory = std::move(work.directories.back());
        work.directories.pop_back();
        list(directory, work, children, result);
        if (work.files.size() >= kFilesPerTask) {  // nobody to give them to
            hash(work.files, result);
            work.files.clear();
        }
    }
    hash(work.files, result);
    for (Task<TreeHash>& child : children) {
        append(result, await(std::move(child)));
    }
    return result;
}

bool Walk::may_spawn() noexcept {
    if (tasks_.fetch_add(1, rt::relaxed) < tasks_max_) {
        return true;
    }
    tasks_.fetch_sub(1, rt::relaxed);
    return false;
}

/// After may_spawn().
void Walk::spawn_child(Work work, Children& children) {
    const auto one_less = [](Walk* walk) { walk->tasks_.fetch_sub(1, rt::relaxed); };
    std::unique_ptr<Walk, decltype(one_less)> counted(this, one_less);
    children.push_back(
        spawn([self = shared_from_this(), counted = std::move(counted), work = std::move(work)](
              ) mutable { return self->process(std::move(work)); })
    );
}

/// Gives away what another loop could do meanwhile; one directory stays.
void Walk::split(Work& work, Children& children) {
    while (work.files.size() >= kFilesPerTask && may_spawn()) {
        const auto first = work.files.end() - static_cast<std::ptrdiff_t>(kFilesPerTask);
        Work share;
        share.files.assign(
            std::make_move_iterator(first), std::make_move_iterator(work.files.end())
        );
        work.files.erase(first, work.files.end());
        spawn_child(std::move(share), children);
    }
    while (work.directories.size() > 1 && may_spawn()) {
        Work share;
        share.directories.push_back(std::move(work.directories.back()));
        work.directories.pop_back();
        spawn_child(std::move(share), children);
    }
}

/// Adds what is in `directory` to the work, or gives it away on the spot.
void Walk::list(const std::string& directory, Work& work, Children& children, TreeHash& result) {
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    const std::string prefix = directory.ends_with('/') ? directory : directory + '/';
    // The kinds below come with the listing, so that asking costs no system call.
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::error_code unknown;
        if (entry->is_symlink(unknown)) {
            continue;
        }
        if (entry->is_directory(unknown)) {
            work.directories.push_back(prefix + entry->path().filename().native());
        } else if (entry->is_regular_file(unknown)) {
            work.files.push_back(prefix + entry->path().filename().native());
        }
        split(work, children);
    }
    if (error) {
        result.problems.push_back(directory + ": " + error.message());
    }
}

/// Does not suspend, so that no more hashers are in use than there are loops.
void Walk::hash(const std::vector<std::string>& files, TreeHash& result) {
    if (files.empty()) {
        return;
    }
    const HasherPool::Lease hasher = hashers_.take();
    for (const std::string& path : files) {
        const FileHasher::Result hashed = hasher->hash(path.c_str());
        if (hashed.error) {
            result.problems.push_back(path + ": " + hashed.error.message());
            continue;
        }
        result.files.push_back({path, hashed.digest});
        result.bytes += hashed.bytes;
    }
}

void append_hex(std::string& out, const Sha256& digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const unsigned char byte : digest) {
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
}

void append_escaped(std::string& out, std::string_view path) {
    for (const char character : path) {
        switch (character) {
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            default:
                out += character;
        }
    }
}

}  // namespace

TreeHash hash_tree(const std::string& root, int workers) {
    RuntimeOptions options;
    options.workers = workers;
    Runtime runtime(options);
    const auto walk = std::make_shared<Walk>(kTasksPerLoop * runtime.workers());
    TreeHash result = runtime.run([&] {
        return await(spawn([&] { return walk->process({.directories = {root}, .files = {}}); }));
    });
    std::ranges::sort(result.files, {}, &HashedFile::path);
    std::ranges::sort(result.problems);
    return result;
}

std::string listing(const TreeHash& tree) {
    std::string text;
    for (const HashedFile& file : tree.files) {
        // A line with escapes in its name says so by a backslash in front.
        const bool escaped = file.path.find_first_of("\\\n\r") != std::string::npos;
        if (escaped) {
            text += '\\';
        }
        append_hex(text, file.digest);
        text += "  ";
        if (escaped) {
            append_escaped(text, file.path);
        } else {
            text += file.path;
        }
        text += '\n';
    }
    return text;
}

}  // namespace weft::tool
