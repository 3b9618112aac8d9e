// CRC-32C (Castagnoli), by what the processor has for it, else by tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ottla {

/// Continues `crc` (0 to begin) over `size` bytes.
uint32_t crc32c(uint32_t crc, const void* data, size_t size);

/// The checksum of two pieces that follow one another, from those of each. Takes about a microsecond.
uint32_t crc32c_join(uint32_t first, uint32_t second, size_t second_size);

namespace detail {
using Crc32c = uint32_t (*)(uint32_t crc, const void* data, size_t size);
/// Those that this processor can, the fastest first; the last is the portable one.
const std::vector<Crc32c>& crc32c_ways();
/// The portable one.
uint32_t crc32c_tables(uint32_t crc, const void* data, size_t size);
} // namespace detail

} // namespace ottla
