// Subscriptions that are regular expressions: entries that begin with "^". The same entry means the same by either protocol: it
// matches what begins with a match of it.
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/error.hpp>

namespace ottla::core::group {

inline bool is_pattern(std::string_view topic) { return topic.starts_with('^'); }

/// What the entries of a subscription that are patterns match.
class TopicPatterns {
public:
    /// Of `topics` those that are patterns. Errors: _invalid_arg, which names the pattern.
    static Result<TopicPatterns> of(const std::vector<std::string>& topics);

    bool empty() const { return patterns_.empty(); }

    bool matches(const std::string& topic) const;

private:
    std::vector<std::regex> patterns_;
};

/// One expression for all patterns, as brokers want it: it matches whole names (KIP-848). Empty: there are none.
std::string pattern_for_broker(const std::vector<std::string>& topics);

} // namespace ottla::core::group
