// -o of `ottla consume`: where to begin, and perhaps where to end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ottla/types.hpp>

namespace ottla::cli {

struct Span {
    int64_t begin = offset_beginning;
    std::optional<int64_t> begin_time_ms; ///< wins over `begin`
    std::optional<int64_t> end_time_ms;   ///< not included
};

/// Each text is one -o. Throws UsageError.
Span parse_span(const std::vector<std::string>& texts);

} // namespace ottla::cli
