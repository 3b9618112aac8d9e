// Messages to bytes, to JSON, and back. The templates only name the message; the work is done by interpreters
// of the tables (writer.cpp, reader.cpp, printer.cpp).
#pragma once

#include <functional>
#include <string>

#include <ottla/error.hpp>

#include "wire/message.hpp"
#include "wire/pieces.hpp"

namespace ottla::wire {

/// Writes the body of a message. Errors: _unsupported_feature for a version that the specs do not know;
/// _invalid_arg for a field that is set but that the version cannot carry, a null where none may be, text
/// that is not UTF-8, or a length beyond its prefix. The text names message, version and field.
Result<Pieces> encode(const MessageInfo& info, const void* message, int16_t version);

/// Reads the body of a message, which must use up `body`. `message` is a fresh object; after an error it
/// holds what was read so far. Records fields share the memory of `body`. Errors: _bad_msg (the text names
/// message, version, field and position), _unsupported_feature as above.
Error decode(const MessageInfo& info, void* message, int16_t version, const Buffer& body);

/// Like decode, but bytes may follow; returns how many were used. For headers and for what newer writers
/// appended.
Result<size_t> decode_prefix(const MessageInfo& info, void* message, int16_t version, const Buffer& body);

using RecordsPrinter = std::function<void(std::string& out, const Records& records)>;

/// Kafka's own JSON form of the message at that version. Fields unknown to the version are left out, as are
/// tagged fields that hold their default, and unknown tagged fields.
/// `print_records` appends what shall stand for records that are not null; without it they are Base64.
std::string to_json(
    const MessageInfo& info, const void* message, int16_t version, const RecordsPrinter& print_records = {}
);

template <class M>
Result<Pieces> encode(const M& message, int16_t version) {
    return encode(M::info(), &message, version);
}

template <class M>
Error decode(M& out, int16_t version, const Buffer& body) {
    out = M{};
    return decode(M::info(), &out, version, body);
}

template <class M>
std::string to_json(const M& message, int16_t version) {
    return to_json(M::info(), &message, version);
}

} // namespace ottla::wire
