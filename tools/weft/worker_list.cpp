#include "worker_list.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <set>
#include <stdexcept>

#include "command.hpp"

namespace weft::tool {
namespace {

constexpr std::string_view kRangeDots = "..";

std::optional<int> number_of_workers(std::string_view text, int cpus) {
    if (text == "N") {
        return cpus;
    }
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    return is_number && value >= 1 && value <= kWorkersMax ? std::optional(value) : std::nullopt;
}

[[noreturn]] void refuse(std::string_view part, std::string_view text) {
    throw std::invalid_argument(fmt::format(
        "'{}'{} is not what was expected: numbers from 1 to {} or ranges of them, as 4, 1..4, "
        "1,2,4 or 1..N",
        part,
        part == text ? "" : fmt::format(" in '{}'", text),
        kWorkersMax
    ));
}

}  // namespace

WorkerList parse_worker_list(std::string_view text, int cpus) {
    std::set<int> workers;
    std::string_view rest = text;
    for (bool more = true; more;) {
        const std::size_t comma = rest.find(',');
        const std::string_view part = rest.substr(0, comma);
        more = comma != std::string_view::npos;
        rest.remove_prefix(more ? comma + 1 : rest.size());

        const std::size_t dots = part.find(kRangeDots);
        const bool is_range = dots != std::string_view::npos;
        const auto first = number_of_workers(part.substr(0, dots), cpus);
        const auto last =
            is_range ? number_of_workers(part.substr(dots + kRangeDots.size()), cpus) : first;
        if (!first || !last || *first > *last) {
            refuse(part, text);
        }
        for (int count = *first; count <= *last; ++count) {
            workers.insert(count);
        }
    }
    return {workers.begin(), workers.end()};
}

std::string format_worker_list(const WorkerList& workers) {
    std::string text;
    for (std::size_t i = 0; i < workers.size();) {
        std::size_t last = i;
        while (last + 1 < workers.size() && workers[last + 1] == workers[last] + 1) {
            ++last;
        }
        const std::string_view comma = text.empty() ? "" : ", ";
        text += last > i ? fmt::format("{}{}..{}", comma, workers[i], workers[last])
                         : fmt::format("{}{}", comma, workers[i]);
        i = last + 1;
    }
    return text;
}

}  // namespace weft::tool
