#include "config/duration.hpp"

#include <cctype>
#include <cstdint>

namespace ottla::config {
namespace {

constexpr int64_t longest_ms = INT64_MAX / 2;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

struct Unit {
    char letter;
    int64_t ms;
    bool of_time; ///< after the T
};

constexpr Unit units[] = {{'D', 86'400'000, false}, {'H', 3'600'000, true}, {'M', 60'000, true}, {'S', 1000, true}};

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto next = [&] { return text.empty() ? '\0' : static_cast<char>(std::toupper(static_cast<unsigned char>(text[0]))); };
    if (next() != 'P')
        return std::nullopt;
    text.remove_prefix(1);
    int64_t total = 0;
    bool in_time = false;
    size_t unit = 0; // they come in this order, each at most once
    bool any = false;
    while (!text.empty()) {
        if (next() == 'T') {
            if (in_time)
                return std::nullopt;
            in_time = true;
            any = false; // something must follow
            text.remove_prefix(1);
            continue;
        }
        int64_t whole = 0;
        if (!is_digit(next()))
            return std::nullopt;
        for (; is_digit(next()); text.remove_prefix(1)) {
            if (whole > longest_ms / 10)
                return std::nullopt;
            whole = whole * 10 + (text[0] - '0');
        }
        int64_t thousandths = 0;
        const bool fraction = next() == '.';
        if (fraction) {
            text.remove_prefix(1);
            for (int64_t worth = 100; is_digit(next()); text.remove_prefix(1), worth /= 10)
                thousandths += worth * (text[0] - '0');
        }
        while (unit < std::size(units) && units[unit].letter != next())
            ++unit;
        if (unit == std::size(units) || units[unit].of_time != in_time || (fraction && next() != 'S'))
            return std::nullopt;
        if (whole > (longest_ms - total) / units[unit].ms)
            return std::nullopt;
        total += whole * units[unit].ms + thousandths;
        ++unit;
        any = true;
        text.remove_prefix(1);
    }
    return any ? std::optional(std::chrono::milliseconds(total)) : std::nullopt;
}

} // namespace ottla::config
