// What generated message structs are made of besides plain types: records, unknown tagged fields, and the
// descriptions by which the interpreters (writer, reader, printer) walk them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/types.hpp>

namespace ottla::wire {

/// A `records` field: record batches, kept as they came. Decoding makes exactly one piece, a slice of the
/// frame; an encoder gathers the pieces in order.
struct Records {
    std::vector<Buffer> pieces;
    bool null = false;

    /// Bytes of all pieces.
    size_t size() const;
    /// Compares the bytes, however they are cut.
    friend bool operator==(const Records& a, const Records& b);
};

/// A tagged field whose tag the spec does not know: kept, and written again.
struct UnknownTag {
    uint32_t tag = 0;
    std::vector<uint8_t> data;
    bool operator==(const UnknownTag&) const = default;
};

/// Ascending by tag.
using UnknownTags = std::vector<UnknownTag>;

struct MessageInfo; // wire/table.hpp

} // namespace ottla::wire

namespace ottla::msg {
using wire::UnknownTags;
}
