#include "core/group/topic_pattern.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace ottla::core::group {

Result<TopicPatterns> TopicPatterns::of(const std::vector<std::string>& topics) {
    TopicPatterns all;
    for (const auto& topic : topics) {
        if (!is_pattern(topic))
            continue;
        try {
            all.patterns_.emplace_back(topic, std::regex::ECMAScript | std::regex::optimize);
        } catch (const std::regex_error& error) {
            return Error(Errc::_invalid_arg, fmt::format("{} is no regular expression: {}", topic, error.what()));
        }
    }
    return all;
}

bool TopicPatterns::matches(const std::string& topic) const {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::regex& pattern) { return std::regex_search(topic, pattern, std::regex_constants::match_continuous); });
}

std::string pattern_for_broker(const std::vector<std::string>& topics) {
    std::string all;
    size_t count = 0;
    for (const auto& topic : topics) {
        if (!is_pattern(topic))
            continue;
        const bool is_whole = topic.ends_with(".*") || (topic.ends_with('$') && !topic.ends_with("\\$"));
        const bool has_choice = topic.find('|') != std::string::npos;
        const std::string whole = is_whole && !has_choice ? topic : fmt::format("(?:{}).*", topic);
        all += (count++ == 0 ? "" : "|") + whole;
    }
    return all;
}

} // namespace ottla::core::group
