// How `ottla consume` prints a message: kcat's -f tokens, or a JSON envelope.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ottla/record.hpp>

namespace ottla::cli {

struct MessagePlace {
    std::string_view topic;
    int32_t partition;
};

class Format {
public:
    /// Tokens: %t topic, %p partition, %o offset, %k key, %s value, %K and %S their sizes (-1: null), %R that of the value as
    /// four bytes, big-endian, %T timestamp, %h headers, %% a percent sign; escapes as \n, \t, \x1f. Throws UsageError.
    explicit Format(std::string_view text);

    /// `null_text`: what stands for a null key or value.
    void append(std::string& out, const MessagePlace& place, const RecordView& record, std::string_view null_text) const;

private:
    struct Piece {
        char token; ///< 0: literal
        std::string literal;
    };
    std::vector<Piece> pieces_;
};

/// Bytes that are not UTF-8 are replaced; a key or value with such also stands there as key_base64, payload_base64.
void append_json(std::string& out, const MessagePlace& place, const RecordView& record);

} // namespace ottla::cli
