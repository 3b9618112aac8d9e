// One batch of one partition, from its first record to its last report. It belongs to one party at a time: the partition's
// buffer (under its lock), the producer core, the delivery queue, the pool.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/record.hpp>
#include <ottla/types.hpp>

#include "base/varint.hpp"
#include "record/builder.hpp"

namespace ottla::accumulator {

struct Topic;

/// What a token stands for.
enum class TokenKind : uint8_t {
    opaque,    ///< the application's pointer
    callback,  ///< a handler of this message, served by poll
    operation, ///< an asynchronous operation, completed when the outcome is known
    lent,      ///< a LentValue, which has the message's own token
};

struct LentValue;

/// What the application attached to a message.
struct Token {
    uintptr_t value = 0;
    TokenKind kind = TokenKind::opaque;
};

/// A run of encoded records; they never straddle chunks. Or one record without its value, which lies elsewhere.
struct Chunk {
    Buffer memory;
    size_t begin = 0; ///< of the first chunk: room for the batch header
    size_t end = 0;
    size_t value_at = 0; ///< where in `memory` the value belongs that lies elsewhere; 0: there is none
    Buffer value{};      ///< that value, until its report

    bool gathered() const { return value_at != 0; }
    std::span<const uint8_t> records() const { return memory.span().subspan(begin, end - begin); }
    /// Calls f(bytes) for the pieces that follow one another on the wire.
    template <class F>
    void for_each_piece(F&& f) const {
        if (!gathered()) {
            f(records());
            return;
        }
        f(memory.span().subspan(begin, value_at - begin));
        f(value.span());
        f(memory.span().subspan(value_at, end - value_at));
    }
};

struct Batch {
    Batch* next = nullptr;
    Topic* topic = nullptr;
    int32_t partition = partition_any;

    // --- while it is open
    std::vector<Chunk> chunks;
    std::vector<uintptr_t> tokens;     ///< by record; empty: none was given
    std::vector<TokenKind> kinds;      ///< by record; empty: all are opaque
    std::vector<int32_t> wanted;       ///< by record, of a topic whose partitions are not known yet
    int32_t count = 0;
    int32_t gathered = 0;              ///< records whose values lie elsewhere
    size_t bytes = 0;                  ///< with framing, uncompressed
    size_t payload_bytes = 0;          ///< keys and values: what the credit counts
    int64_t base_timestamp_ms = 0;
    int64_t max_timestamp_ms = 0;
    record::Summed summed;             ///< of its records, while they were in the cache
    TimePoint opened{};

    // --- set when it is sealed
    Buffer packed;                             ///< compressed, with room for the header before; empty: not, or it did not pay
    Compression packed_by = Compression::none; ///< the codec that was tried
    std::vector<Buffer> wire; ///< header and records as they go out
    int64_t producer_id = -1;
    int16_t producer_epoch = -1;
    int32_t base_sequence = -1;
    int8_t magic = 2;                      ///< of what is in `wire`
    Compression codec = Compression::none; ///< that it was sealed with; left out where it does not pay

    // --- on its way
    enum class State : uint8_t {
        open,     ///< in the partition's buffer
        waiting,  ///< with the core: to be sent for the first time or again
        in_flight,
        reported, ///< in the delivery queue
    };
    State state = State::open;
    bool ambiguous = false; ///< sent at least once with an unknown outcome
    int tries = 0;          ///< failed so far
    bool sampled = false;   ///< its statistics have been taken

    // --- what became of it
    Error error;
    std::vector<std::pair<int32_t, std::string>> record_errors; ///< which records were invalid (KIP-467), by index
    int64_t base_offset = offset_invalid;
    int64_t log_append_time_ms = -1;
    bool possibly_persisted = false; ///< of a failed one
    Duration latency{};

    int32_t served = 0; ///< reports already served, when a callback threw in the middle
    int being_read = 0; ///< gathered values that a connection still reads; while it waits in the LentPool

    /// As it is stored.
    Token raw_token(int32_t record) const {
        const auto i = static_cast<size_t>(record);
        return {tokens.empty() ? 0 : tokens[i], kinds.empty() ? TokenKind::opaque : kinds[i]};
    }
    /// The message's own.
    Token token(int32_t record) const {
        const Token raw = raw_token(record);
        return raw.kind == TokenKind::lent ? own_token(raw) : raw;
    }
    static Token own_token(Token lent);
    /// Null: the message's value was copied.
    LentValue* lent(int32_t record) const;
    /// Calls f(index, encoded, chunk) for each record; `encoded` has its length prefix, and lacks its value if the chunk is
    /// a gathered one.
    template <class F>
    void for_each_record(F&& f) const {
        int32_t index = 0;
        for (const Chunk& chunk : chunks) {
            const uint8_t* at = chunk.memory.data() + chunk.begin;
            const uint8_t* const end = chunk.memory.data() + chunk.end;
            if (chunk.gathered()) {
                f(index++, at, chunk);
                continue;
            }
            while (at != end) {
                int32_t length = 0;
                const uint8_t* const body = get_varint32(at, end, length);
                f(index++, at, chunk);
                at = body + length;
            }
        }
    }
    /// The record that for_each_record hands out, decoded. Its offset is its place in the batch.
    RecordView view(int32_t index, const uint8_t* encoded, const Chunk& chunk) const;
    /// Back to the state of a new one; memory of the vectors is kept.
    void reset();
};

/// A singly linked list of batches, oldest first.
class BatchList {
public:
    bool empty() const { return head_ == nullptr; }
    Batch* front() const { return head_; }
    void push(Batch* batch) {
        batch->next = nullptr;
        (tail_ ? tail_->next : head_) = batch;
        tail_ = batch;
    }
    Batch* pop() {
        Batch* batch = head_;
        head_ = batch->next;
        if (!head_)
            tail_ = nullptr;
        batch->next = nullptr;
        return batch;
    }
    void append(BatchList&& other) {
        if (other.empty())
            return;
        (tail_ ? tail_->next : head_) = other.head_;
        tail_ = other.tail_;
        other.head_ = other.tail_ = nullptr;
    }

private:
    Batch* head_ = nullptr;
    Batch* tail_ = nullptr;
};

/// Keeps finished batches for reuse. One lock a batch.
class BatchPool {
public:
    ~BatchPool();
    Batch* take();
    void give_back(Batch* batch);

private:
    static constexpr size_t max_kept = 1024;
    std::mutex mutex_;
    BatchList free_;
    size_t kept_ = 0;
};

} // namespace ottla::accumulator
