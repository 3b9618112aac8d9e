#include "accumulator/batch.hpp"

#include "accumulator/lent_value.hpp"
#include "record/record_parser.hpp"

namespace ottla::accumulator {

void Batch::reset() {
    next = nullptr;
    topic = nullptr;
    partition = partition_any;
    chunks.clear();
    tokens.clear();
    kinds.clear();
    wanted.clear();
    count = 0;
    gathered = 0;
    bytes = 0;
    payload_bytes = 0;
    base_timestamp_ms = max_timestamp_ms = 0;
    summed = {};
    packed = Buffer();
    packed_by = Compression::none;
    wire.clear();
    producer_id = -1;
    producer_epoch = -1;
    base_sequence = -1;
    magic = 2;
    codec = Compression::none;
    state = State::open;
    ambiguous = false;
    tries = 0;
    sampled = false;
    error = {};
    record_errors.clear();
    base_offset = offset_invalid;
    log_append_time_ms = -1;
    possibly_persisted = false;
    latency = {};
    served = 0;
    being_read = 0;
}

Token Batch::own_token(Token lent) { return reinterpret_cast<const LentValue*>(lent.value)->token; }

LentValue* Batch::lent(int32_t record) const {
    const Token raw = raw_token(record);
    return raw.kind == TokenKind::lent ? reinterpret_cast<LentValue*>(raw.value) : nullptr;
}

RecordView Batch::view(int32_t index, const uint8_t* encoded, const Chunk& chunk) const {
    const record::BatchContext context{.base_timestamp = base_timestamp_ms};
    const uint8_t* const end = chunk.memory.data() + chunk.end;
    RecordView view;
    if (chunk.gathered())
        record::RecordParser::parse_gathered(encoded, chunk.memory.data() + chunk.value_at, end, lent(index)->value, context, view);
    else
        record::RecordParser::parse(encoded, end, context, view);
    return view;
}

BatchPool::~BatchPool() {
    while (!free_.empty())
        delete free_.pop();
}

Batch* BatchPool::take() {
    {
        std::lock_guard lock(mutex_);
        if (!free_.empty()) {
            --kept_;
            return free_.pop();
        }
    }
    return new Batch;
}

void BatchPool::give_back(Batch* batch) {
    batch->reset();
    std::lock_guard lock(mutex_);
    if (kept_ == max_kept) {
        delete batch;
        return;
    }
    ++kept_;
    free_.push(batch);
}

} // namespace ottla::accumulator
