#include "sim/produce_tap.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <ottla/msg/produce.hpp>

#include "base/endian.hpp"
#include "wire/frame.hpp"

namespace ottla::sim {
namespace {

constexpr size_t prefix = 4;

} // namespace

void ProduceTap::written(uint64_t stream, int32_t broker, std::span<const uint8_t> bytes) {
    Tapped& tapped = streams_[stream];
    tapped.broker = broker;
    tapped.out.insert(tapped.out.end(), bytes.begin(), bytes.end());
    size_t at = 0;
    while (tapped.out.size() - at >= prefix) {
        const auto size = static_cast<size_t>(load_be<int32_t>(tapped.out.data() + at));
        if (tapped.out.size() - at - prefix < size)
            break;
        on_request(stream, tapped, Buffer::copy_of({tapped.out.data() + at + prefix, size}));
        at += prefix + size;
    }
    tapped.out.erase(tapped.out.begin(), tapped.out.begin() + static_cast<std::ptrdiff_t>(at));
}

void ProduceTap::on_request(uint64_t stream, Tapped& tapped, const Buffer& frame) {
    tapped.open.emplace_back();
    wire::RequestHead head;
    msg::ProduceRequest request;
    if (wire::decode_request_head(head, frame) ||
        head.api_key != static_cast<int16_t>(msg::ApiKey::produce) ||
        wire::decode(request, head.version, head.body))
        return;
    for (const auto& data : request.topic_data) {
        const mock::Topic* topic = head.version >= 13 ? cluster_->find_topic(data.topic_id) : nullptr;
        for (const auto& partition : data.partition_data) {
            const Where where(topic ? topic->name : data.name, partition.index);
            if (checking_)
                check(stream, tapped, where);
            tapped.open.back().push_back(where);
        }
    }
}

void ProduceTap::check(uint64_t stream, const Tapped& tapped, const Where& where) {
    size_t count = 1;
    for (const auto& [number, other] : streams_) {
        size_t here = 0;
        for (const auto& batches : other.open)
            here += static_cast<size_t>(std::count(batches.begin(), batches.end(), where));
        count += here;
        if (here != 0 && number != stream)
            violate_(fmt::format(
                "{}[{}]: a batch goes to broker {} while {} are unanswered at broker {}",
                where.first,
                where.second,
                tapped.broker,
                here,
                other.broker
            ));
    }
    if (count > limit_)
        violate_(fmt::format(
            "{}[{}]: {} batches are in flight, {} may be", where.first, where.second, count, limit_
        ));
}

void ProduceTap::read(uint64_t stream, std::span<const uint8_t> bytes) {
    const auto found = streams_.find(stream);
    if (found == streams_.end())
        return;
    Tapped& tapped = found->second;
    while (!bytes.empty()) {
        if (tapped.answer_left == 0) {
            tapped.prefix[tapped.prefix_size++] = bytes[0];
            bytes = bytes.subspan(1);
            if (tapped.prefix_size != prefix)
                continue;
            tapped.prefix_size = 0;
            tapped.answer_left = static_cast<size_t>(load_be<int32_t>(tapped.prefix));
        }
        const size_t size = std::min(bytes.size(), tapped.answer_left);
        tapped.answer_left -= size;
        bytes = bytes.subspan(size);
        if (tapped.answer_left == 0 && !tapped.open.empty())
            tapped.open.pop_front();
    }
}

} // namespace ottla::sim
