// Values that stay the caller's until the report: large ones are gathered from where they are, all are reported by the
// caller's own pointer. A report waits until no connection reads the value any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <ottla/buffer.hpp>

#include "accumulator/batch.hpp"

namespace ottla::accumulator {

/// The second word of such a message's token. As a BufferBlock it counts the Buffers that show the value.
struct LentValue : BufferBlock {
    Bytes value;
    Token token; ///< the message's own
    Batch* waiting = nullptr; ///< has its report held back; under the pool's mutex
    std::atomic<int> holders{1}; ///< the token, and the Buffers if there were any
    void* pool = nullptr;

    /// The value as a part of a batch; once.
    Buffer gather();
};

class LentPool {
public:
    /// `deliver` is called, on whichever thread dropped the last Buffer, with a batch that was held.
    explicit LentPool(std::function<void(Batch*)> deliver);
    /// Values that connections still read find their way to the heap.
    ~LentPool();
    LentPool(const LentPool&) = delete;
    LentPool& operator=(const LentPool&) = delete;

    // --- any thread
    LentValue* take(Bytes value, Token token);
    /// The message is reported.
    void give_back(LentValue* lent);

    /// The outcome of `batch`, which gathers values, is known: true when its report has to wait, and `deliver` will follow.
    bool hold(Batch& batch);
    /// Nothing reads any value any more, whatever counts say: connections are closed. What was held, to be delivered.
    BatchList release_all();

private:
    struct State;
    State* state_;
};

} // namespace ottla::accumulator
