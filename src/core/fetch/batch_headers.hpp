// How far fetched bytes reach, from batch headers alone, so that the next fetch can leave before anything is
// decoded.
#pragma once

#include <cstdint>
#include <span>

#include <ottla/error.hpp>

namespace ottla::core {

struct HeaderSummary {
    int64_t next = -1;    ///< offset after the last whole batch
    int64_t messages = 0; ///< as the headers say; for message sets (v0, v1) the outer messages
    int32_t epoch = -1;   ///< leader epoch of the last whole batch; -1: v0 and v1 have none
    int64_t batches = 0;  ///< whole ones; a batch cut off at the end does not count
    size_t bytes = 0;     ///< of these
    Error error{};        ///< _bad_msg: the header after them cannot be
};

/// Walks the batches (v2) and messages (v0, v1) in `bytes`.
HeaderSummary walk_headers(std::span<const uint8_t> bytes);

} // namespace ottla::core
