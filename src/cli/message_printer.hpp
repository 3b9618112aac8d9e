// How `ottla consume` writes messages: as the options say, collected, with progress on a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common.hpp"
#include "consume_options.hpp"
#include "format.hpp"
#include "output.hpp"

namespace ottla::cli {

class MessagePrinter {
public:
    /// Throws UsageError for a format or delimiter that makes no sense.
    explicit MessagePrinter(const ConsumeOptions& options);

    /// False: no further message is wanted, for there were as many as asked for, or nobody reads any more.
    bool print(const MessagePlace& place, const RecordView& record);
    /// After each poll, so that a stream that is slow but steady is not held back. False when nobody reads any more.
    bool flush();
    /// The last of it, and the summary for a terminal.
    void end();

private:
    const std::string delimiter_;
    const std::string key_delimiter_;
    const std::optional<Format> format_;
    const std::string_view null_text_;
    const bool json_;
    const bool sums_up_;
    const uint64_t limit_; ///< 0: none
    Output output_;
    Progress progress_;
    uint64_t count_ = 0;
    uint64_t bytes_ = 0;
};

} // namespace ottla::cli
