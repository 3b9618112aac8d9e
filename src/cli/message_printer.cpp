#include "message_printer.hpp"

#include <cstdio>

#include <unistd.h>

namespace ottla::cli {

MessagePrinter::MessagePrinter(const ConsumeOptions& options)
    : delimiter_(unescape(options.delimiter))
    , key_delimiter_(unescape(options.key_delimiter))
    , format_(options.format.empty() ? std::nullopt : std::optional<Format>(options.format))
    , null_text_(options.null_text ? "NULL" : "")
    , json_(options.json)
    , sums_up_(options.exit_at_end && !options.quiet && isatty(STDERR_FILENO))
    , limit_(options.count)
    , output_(options.unbuffered ? 0 : size_t{1} << 18)
    // On a terminal that shows the messages it would only be in the way.
    , progress_("consumed", isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO)) {}

bool MessagePrinter::print(const MessagePlace& place, const RecordView& record) {
    std::string& out = output_.buffer();
    if (json_) {
        append_json(out, place, record);
        out += '\n';
    } else if (format_) {
        format_->append(out, place, record, null_text_);
    } else {
        if (!key_delimiter_.empty()) {
            out += record.key().is_null() ? null_text_ : record.key().text();
            out += key_delimiter_;
        }
        out += record.value().is_null() ? null_text_ : record.value().text();
        out += delimiter_;
    }
    ++count_;
    bytes_ += record.value().size();
    return output_.check() && (limit_ == 0 || count_ < limit_);
}

bool MessagePrinter::flush() {
    progress_.update(count_, bytes_);
    return output_.flush();
}

void MessagePrinter::end() {
    output_.flush();
    progress_.clear();
    if (sums_up_)
        fmt::print(stderr, "% {} messages, {} bytes of values\n", count_, bytes_);
}

} // namespace ottla::cli
