// CRC-32C (Castagnoli), by the CPU's instruction where there is one, else by tables.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ottla {

/// Continues `crc` (0 to begin) over `size` bytes.
uint32_t crc32c(uint32_t crc, const void* data, size_t size);

/// The checksum of two pieces that follow one another, from those of each. Takes about a microsecond.
uint32_t crc32c_join(uint32_t first, uint32_t second, size_t second_size);

namespace detail {
/// The portable version, for comparison in tests.
uint32_t crc32c_tables(uint32_t crc, const void* data, size_t size);
} // namespace detail

} // namespace ottla
