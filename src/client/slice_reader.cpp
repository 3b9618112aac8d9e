#include "client/slice_reader.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace ottla::client {

void SliceReader::begin(core::FetchedSlice slice, DecodeContext& context) {
    active_ = true;
    slice_ = std::move(slice);
    walker_ = record::BatchWalker(Bytes(slice_.records));
    position_ = batch_end_ = slice_.from;
    views_ = std::move(context.spare);
    views_.clear();
    at_ = 0;
    next_aborted_ = 0;
    aborted_producers_.clear();
    error_ = {};
}

void SliceReader::end(DecodeContext& context) {
    if (!std::exchange(active_, false))
        return;
    drop_decompressed();
    origin_.reset();
    slice_ = {};
    if (views_.capacity() > context.spare.capacity())
        context.spare = std::move(views_);
    views_ = {};
    at_ = 0;
}

SliceReader::Step SliceReader::next_batch(DecodeContext& context) {
    views_.clear();
    at_ = 0;
    drop_decompressed();
    position_ = std::max(position_, batch_end_); // records may be missing at the end of a batch
    const int64_t before = position_;
    const Step step = decode_next(context, views_, decompressed_);
    if (!decompressed_.empty())
        origin_.reset(); // that of a batch which was not compressed
    if (step == Step::records)
        batch_end_ = std::exchange(position_, before); // moves with every record
    return step;
}

void SliceReader::drop_decompressed() {
    if (decompressed_.empty())
        return;
    origin_.reset();
    decompressed_ = {};
}

SliceReader::Step SliceReader::take_batch(
    DecodeContext& context, std::vector<RecordView>& into, std::vector<Buffer>& decompressed
) {
    if (at_ < views_.size()) {
        into.insert(into.end(), views_.begin() + static_cast<std::ptrdiff_t>(at_), views_.end());
        position_ = batch_end_;
        at_ = views_.size();
        if (!decompressed_.empty())
            decompressed.push_back(decompressed_);
        return Step::records;
    }
    drop_decompressed(); // those who were given it keep it
    position_ = std::max(position_, batch_end_);
    Buffer bytes;
    const Step step = decode_next(context, into, bytes);
    if (!bytes.empty())
        decompressed.push_back(std::move(bytes));
    return step;
}

/// Appends the records of the next batch that has any for the application, and moves the position past it.
SliceReader::Step
SliceReader::decode_next(DecodeContext& context, std::vector<RecordView>& into, Buffer& decompressed) {
    record::BatchView batch;
    for (;;) {
        const auto here = walker_;
        const auto step = walker_.next(batch);
        if (!step) {
            error_ = step.error();
            return Step::bad;
        }
        if (*step != record::BatchWalker::Step::batch)
            return Step::end;
        const auto& header = batch.header;
        const bool is_marker = header.is_control() && header.magic == 2;
        const bool is_new = batch.next_offset() > position_;
        if (is_new && !is_marker && !is_aborted(header)) {
            if (!admit(batch, context)) {
                walker_ = here;
                return Step::no_room;
            }
            const size_t before = into.size();
            if (const Error error = context.decoder.decode(batch, context.check_crcs, into, decompressed))
                return refuse(batch, error);
            if (context.budget)
                decompressed = context.budget->count(std::move(decompressed), MemoryBudget::Kind::prepared);
            const auto first = into.begin() + static_cast<std::ptrdiff_t>(before);
            if (into.size() > before && into.back().offset() > header.last_offset()) {
                into.resize(before);
                return refuse(batch, {Errc::_bad_msg, fmt::format("batch at offset {}: a record beyond its end", header.base_offset)});
            }
            if (into.size() > before && first->offset() < position_) // a fetch brings whole batches
                into.erase(first, std::find_if(first, into.end(), [this](const RecordView& r) {
                               return r.offset() >= position_;
                           }));
            if (into.size() > before) {
                position_ = std::max(position_, batch.next_offset());
                return Step::records;
            }
            decompressed = {}; // the records that come next may lie elsewhere
        } else if (is_new && context.check_crcs && !record::crc_matches(batch)) { // damage must not hide records either
            return refuse(batch, {Errc::_bad_msg, fmt::format("batch at offset {}: its checksum is wrong", header.base_offset)});
        } else if (is_marker) {
            end_transaction(batch, context);
        }
        position_ = std::max(position_, batch.next_offset());
    }
}

SliceReader::Step SliceReader::refuse(const record::BatchView& batch, const Error& why) {
    error_ = Error(why.code, fmt::format("{}; what follows it begins at offset {}", why.message(), batch.next_offset()));
    return Step::bad;
}

bool SliceReader::admit(const record::BatchView& batch, DecodeContext& context) {
    constexpr int64_t usual_ratio = 4;
    if (!context.budget)
        return true;
    int64_t bytes = batch.header.record_count * static_cast<int64_t>(sizeof(RecordView));
    if (batch.header.compression() != Compression::none)
        bytes += static_cast<int64_t>(batch.bytes.size()) * usual_ratio;
    return context.budget->admit(bytes);
}

bool SliceReader::is_aborted(const record::BatchHeader& header) {
    for (; next_aborted_ < slice_.aborted.size() &&
           slice_.aborted[next_aborted_].first_offset <= header.last_offset();
         ++next_aborted_)
        aborted_producers_.push_back(slice_.aborted[next_aborted_].producer_id);
    return header.magic == 2 && header.is_transactional() &&
           std::find(aborted_producers_.begin(), aborted_producers_.end(), header.producer_id) !=
               aborted_producers_.end();
}

void SliceReader::end_transaction(const record::BatchView& batch, DecodeContext& context) {
    if (!is_aborted(batch.header))
        return;
    std::vector<RecordView> records;
    Buffer decompressed;
    if (context.decoder.decode(batch, context.check_crcs, records, decompressed) || records.empty())
        return; // a marker that cannot be read ends nothing; what follows stays hidden
    const auto control = record::read_control(records.front());
    if (control && control->type == record::ControlRecord::abort)
        std::erase(aborted_producers_, batch.header.producer_id);
}

} // namespace ottla::client
