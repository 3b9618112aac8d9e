#include "hex_text.hpp"

#include <fmt/format.h>

namespace ottla::cli {
namespace {

int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

} // namespace

void HexText::feed(std::string_view text) {
    for (const char c : text) {
        ++column_;
        take(c);
        last_ = c;
        if (c == '\n') {
            ++line_;
            column_ = 0;
        }
    }
    flush();
}

void HexText::end() {
    ++column_;
    end_of_group();
    flush();
}

void HexText::take(char c) {
    if (c == '\n') {
        end_of_group();
        comment_ = false;
        line_begins_ = true;
    } else if (comment_) {
        return;
    } else if (is_blank(c)) {
        end_of_group();
    } else if (c == '#') {
        end_of_group();
        comment_ = true;
    } else if (line_begins_ && (c == '>' || c == '<')) {
        flush();
        sender_ = c == '>' ? Sender::client : Sender::broker;
        line_begins_ = false;
        has_marks_ = true;
    } else if (const int value = digit(c); value >= 0) {
        line_begins_ = false;
        has_bytes_ = true;
        if (high_ < 0) {
            high_ = value;
        } else {
            bytes_.push_back(static_cast<uint8_t>(high_ << 4 | value));
            high_ = -1;
        }
    } else if ((c == 'x' || c == 'X') && ((high_ == 0 && last_ == '0') || last_ == '\\')) {
        high_ = -1;
    } else if (c == ',' || c == ':' || c == '\\') {
        end_of_group();
        line_begins_ = false;
    } else {
        const bool is_visible = c > 0x20 && c < 0x7f;
        fail(fmt::format(
            "{} is no hexadecimal digit",
            is_visible ? fmt::format("'{}'", c) : fmt::format("byte {:02x}", static_cast<uint8_t>(c))
        ));
    }
}

void HexText::end_of_group() {
    if (high_ >= 0)
        fail("an odd number of hexadecimal digits, each byte takes two");
}

void HexText::flush() {
    if (!bytes_.empty())
        sink_(sender_, bytes_);
    bytes_.clear();
}

void HexText::fail(std::string_view problem) {
    flush(); // what came before counts
    throw Error(fmt::format("line {}, column {}: {}", line_, column_, problem));
}

} // namespace ottla::cli
