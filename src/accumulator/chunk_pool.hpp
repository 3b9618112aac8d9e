// Memory for records on their way out: chunks of two sizes, given back to the pool by the last Buffer that refers to them.
// Lock 3 of the append path: taken once per chunk, never per record.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

#include <ottla/buffer.hpp>

namespace ottla::accumulator {

inline constexpr size_t small_chunk = 4 * 1024;  ///< the first of a batch: quiet partitions need no more
inline constexpr size_t large_chunk = 64 * 1024;

class ChunkPool {
public:
    ChunkPool();
    /// Chunks that are still out find their way to the heap instead.
    ~ChunkPool();
    ChunkPool(const ChunkPool&) = delete;
    ChunkPool& operator=(const ChunkPool&) = delete;

    /// Memory of at least `size` bytes: of one of the two sizes, or its own when larger. Any thread.
    Buffer take(size_t size);

private:
    struct State;
    State* state_;
};

} // namespace ottla::accumulator
