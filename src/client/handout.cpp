// Hot path: per record nothing is allocated.
#include "client/handout.hpp"

#include <fmt/format.h>

#include "record/record_parser.hpp"

namespace ottla::client {

Handout::Origin
Handout::origin(std::shared_ptr<const std::string> topic, int32_t partition, Buffer bytes, Error error) {
    return std::make_shared<const detail::MessageOrigin>(detail::MessageOrigin{
        .error = std::move(error), .topic = std::move(topic), .partition = partition, .bytes = std::move(bytes)
    });
}

void Handout::begin_origin(Reading& from) {
    from.reader.set_origin(origin(from.topic, from.where.partition, from.reader.bytes()));
}

Message Handout::event(const Reading& from, Error error, int64_t offset) {
    Message message;
    message.origin_ = origin(from.topic, from.where.partition, {}, std::move(error));
    message.record_ = record::RecordParser::make(offset, -1, TimestampType::not_available, {}, {});
    return message;
}

Message Handout::bad_slice(const Reading& from) {
    const Error& why = from.reader.error();
    Error named(why.code, fmt::format("{}[{}]: {}", *from.topic, from.where.partition, why.message()));
    return event(from, std::move(named), from.reader.position());
}

Message Handout::trouble(Error error) {
    Message message;
    message.origin_ = origin(Message::nowhere.topic, -1, {}, std::move(error));
    return message;
}

bool Handout::take_event(Reading& from, DecodeContext& context, Message& out) {
    core::FetchEvent event = std::move(from.waiting.front());
    from.waiting.pop_front();
    if (auto* slice = std::get_if<core::FetchedSlice>(&event.what)) {
        from.reader.begin(std::move(*slice), context);
        return false;
    }
    if (const auto* end = std::get_if<core::EndOfPartition>(&event.what)) {
        out = Handout::event(from, Error(Errc::_partition_eof), end->offset);
    } else {
        auto& failure = std::get<core::PartitionFailure>(event.what);
        out = Handout::event(from, std::move(failure.error), failure.offset);
    }
    return true;
}

SliceReader::Step Handout::batch(Reading& from, DecodeContext& context, Records& into, Loan* loan) {
    RecordBatch* batch = nullptr;
    if (into.spare_.empty()) {
        batch = &into.batches_.emplace_back();
    } else {
        batch = &into.batches_.emplace_back(std::move(into.spare_.back()));
        into.spare_.pop_back();
    }
    auto& records = batch->records_;
    auto step = SliceReader::Step::records;
    const size_t before = into.count_;
    while (step == SliceReader::Step::records && !full(into)) {
        const size_t pieces = batch->decompressed_.size();
        step = from.reader.take_batch(context, records, batch->decompressed_);
        into.count_ = before + records.size();
        if (batch->decompressed_.size() > pieces)
            into.decompressed_ += batch->decompressed_.back().size();
    }
    if (records.empty()) {
        into.spare_.push_back(std::move(*batch));
        into.batches_.pop_back();
    } else {
        batch->fetched_ = from.reader.slice_bytes();
        batch->topic_ = from.topic;
        batch->partition_ = from.where.partition;
        from.progress->position.store(records.back().offset() + 1, std::memory_order_relaxed);
        if (loan)
            loan->emplace_back(from.progress, records.back().leader_epoch());
    }
    return step;
}

void Handout::recycle(Records& records, DecodeContext& context) {
    for (auto& batch : records.batches_) {
        batch.records_.clear();
        batch.decompressed_.clear();
        batch.fetched_ = {};
        batch.topic_.reset();
        records.spare_.push_back(std::move(batch));
    }
    records.batches_.clear();
    records.events_.clear();
    records.count_ = 0;
    records.decompressed_ = 0;
    records.lease_.reset();
    records.charge_.reset();
    if (context.budget)
        records.spare_.clear(); // it would not be counted
}

void Handout::charge(Records& records, DecodeContext& context) {
    if (!context.budget || records.batches_.empty())
        return;
    size_t views = 0;
    for (const auto& batch : records.batches_)
        views += batch.records_.capacity();
    records.charge_ = context.budget->charge(static_cast<int64_t>(views * sizeof(RecordView)));
}

void Handout::detach(Message& message) {
    const Buffer& shared = message.origin().bytes;
    if (shared.empty())
        return;
    // Key, value and headers lie side by side, in this order, each possibly absent.
    const RecordView& record = message.record_;
    const uint8_t* begin = nullptr;
    const uint8_t* end = nullptr;
    const auto cover = [&](Bytes bytes) {
        if (bytes.empty_or_null())
            return;
        if (!begin)
            begin = bytes.data();
        end = bytes.end();
    };
    cover(record.key());
    cover(record.value());
    const Bytes headers = record::RecordParser::header_bytes(record);
    cover(headers);
    if (!begin)
        begin = end = shared.data();
    Buffer own = Buffer::copy_of(Bytes(begin, static_cast<size_t>(end - begin)));
    record::RecordParser::rebase(message.record_, begin, own.data());
    message.origin_ = origin(message.origin_->topic, message.origin_->partition, std::move(own));
}

} // namespace ottla::client
