#include "span.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common.hpp"

namespace ottla::cli {
namespace {

int64_t parse_number(const std::string& text, size_t from) {
    int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + from, end, number);
    const bool is_time = from > 0;
    if (error != std::errc() || stop != end || (is_time && number < 0))
        throw UsageError(fmt::format(
            "-o \"{}\": expected beginning, end, stored, N, -N (the last N), s@MS or e@MS (milliseconds "
            "since 1970)",
            text
        ));
    return number;
}

} // namespace

Span parse_span(const std::vector<std::string>& texts) {
    constexpr int64_t longest_tail = 1'000'000'000'000'000;
    Span span;
    const std::string* begin = nullptr;
    const std::string* end = nullptr;
    for (const auto& text : texts) {
        const std::string*& given = text.starts_with("e@") ? end : begin;
        if (given)
            throw UsageError(fmt::format("-o \"{}\" and -o \"{}\" contradict each other", *given, text));
        given = &text;
        if (text == "beginning" || text == "earliest")
            span.begin = offset_beginning;
        else if (text == "end" || text == "latest")
            span.begin = offset_end;
        else if (text == "stored")
            span.begin = offset_stored;
        else if (text.starts_with("s@"))
            span.begin_time_ms = parse_number(text, 2);
        else if (text.starts_with("e@"))
            span.end_time_ms = parse_number(text, 2);
        else if (const int64_t n = parse_number(text, 0); n < 0)
            span.begin = offset_tail(-std::max(n, -longest_tail));
        else
            span.begin = n;
    }
    return span;
}

} // namespace ottla::cli
