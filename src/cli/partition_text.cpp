#include "partition_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace ottla::cli {

std::string partition_text(std::vector<TopicPartition> partitions) {
    if (partitions.empty())
        return "nothing";
    std::sort(partitions.begin(), partitions.end());
    std::string text;
    for (size_t first = 0; first < partitions.size();) {
        const std::string& topic = partitions[first].topic;
        const bool goes_on = first > 0 && partitions[first - 1].topic == topic;
        size_t last = first;
        while (last + 1 < partitions.size() && partitions[last + 1].topic == topic &&
               partitions[last + 1].partition == partitions[last].partition + 1)
            ++last;
        if (goes_on)
            text.back() = ','; // the bracket that was closed
        else
            text += fmt::format("{}{}[", text.empty() ? "" : " ", topic);
        text += std::to_string(partitions[first].partition);
        if (last > first)
            text += fmt::format("-{}", partitions[last].partition);
        text += ']';
        first = last + 1;
    }
    return text;
}

} // namespace ottla::cli
