#include "accumulator/batch.hpp"

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
    bytes = 0;
    payload_bytes = 0;
    base_timestamp_ms = max_timestamp_ms = 0;
    wire.clear();
    producer_id = -1;
    producer_epoch = -1;
    base_sequence = -1;
    magic = 2;
    codec = Compression::none;
    state = State::open;
    ambiguous = false;
    tries = 0;
    error = {};
    record_errors.clear();
    base_offset = offset_invalid;
    log_append_time_ms = -1;
    possibly_persisted = false;
    latency = {};
    served = 0;
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
