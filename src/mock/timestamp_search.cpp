#include "mock/timestamp_search.hpp"

#include <algorithm>
#include <vector>

#include "record/record_set.hpp"

namespace ottla::mock {
namespace {

/// The first record of `batch` at or after `timestamp_ms`. A batch whose records cannot be read counts as one
/// record with the batch's own timestamp: nothing checked them when they were produced.
std::optional<FoundRecord> find_in(const StoredBatch& batch, int64_t timestamp_ms) {
    const Buffer bytes = whole(batch);
    record::BatchWalker walker(bytes);
    record::BatchView view;
    record::BatchDecoder decoder;
    std::vector<RecordView> records;
    Buffer decompressed;
    const auto step = walker.next(view);
    if (!step || *step != record::BatchWalker::Step::batch ||
        decoder.decode(view, false, records, decompressed))
        return FoundRecord{batch.base_offset, batch.max_timestamp};
    const auto found = std::find_if(records.begin(), records.end(), [&](const RecordView& record) {
        return record.timestamp_ms() >= timestamp_ms;
    });
    if (found == records.end())
        return std::nullopt;
    return FoundRecord{found->offset(), found->timestamp_ms()};
}

} // namespace

std::optional<FoundRecord> find_timestamp(const PartitionLog& log, int64_t timestamp_ms) {
    for (const StoredBatch& batch : log.batches())
        if (batch.max_timestamp >= timestamp_ms)
            if (const auto found = find_in(batch, timestamp_ms))
                return found;
    return std::nullopt;
}

std::optional<FoundRecord> find_max_timestamp(const PartitionLog& log) {
    const auto& batches = log.batches();
    const auto newest =
        std::max_element(batches.begin(), batches.end(), [](const StoredBatch& a, const StoredBatch& b) {
            return a.max_timestamp < b.max_timestamp;
        });
    return newest == batches.end() ? std::nullopt : find_in(*newest, newest->max_timestamp);
}

} // namespace ottla::mock
