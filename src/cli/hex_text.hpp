// Bytes written as hexadecimal digits, by people and by tools.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <ottla/inspect.hpp>

namespace ottla::cli {

/// Pairs of digits, with white space, commas, colons, "0x" or "\x" between them. "#" begins a comment. What
/// stands behind a ">" at the beginning of a line was sent by the client, behind a "<" by the broker.
class HexText {
public:
    /// Names line and column.
    struct Error : std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    using Sink = std::function<void(Sender, Bytes)>;

    /// `sender`: whose bytes those are that are not marked.
    HexText(Sender sender, Sink sink)
        : sender_(sender)
        , sink_(std::move(sink)) {}

    /// The next characters. Throws Error.
    void feed(std::string_view text);
    /// No more will come. Throws Error.
    void end();

    /// Whether there was any digit.
    bool has_bytes() const { return has_bytes_; }

    /// Whether any line said who sent it.
    bool has_marks() const { return has_marks_; }

private:
    void take(char c);
    void end_of_group();
    void flush();
    [[noreturn]] void fail(std::string_view problem);

    Sender sender_;
    const Sink sink_;
    std::vector<uint8_t> bytes_;
    bool has_bytes_ = false;
    bool has_marks_ = false;
    bool comment_ = false;
    bool line_begins_ = true;
    int high_ = -1; ///< the first digit of a byte, without its second
    char last_ = '\n';
    size_t line_ = 1;
    size_t column_ = 0;
};

} // namespace ottla::cli
