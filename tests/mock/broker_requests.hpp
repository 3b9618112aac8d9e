// Requests that the broker tests send.
#pragma once

#include <string>
#include <vector>

#include <ottla/msg/api_versions.hpp>
#include <ottla/msg/fetch.hpp>
#include <ottla/msg/metadata.hpp>
#include <ottla/msg/produce.hpp>

#include "catch.hpp"
#include "record/builder.hpp"

namespace ottla {

inline Buffer one_record_batch(const std::string& value) {
    record::BuildRecord record;
    record.timestamp_ms = 1000;
    record.value = value;
    const auto batch = record::build_batch({}, {&record, 1});
    REQUIRE(batch.has_value());
    return *batch;
}

inline msg::ProduceRequest produce_to(const std::string& topic, Buffer records) {
    msg::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& data = request.topic_data.emplace_back();
    data.name = topic;
    data.partition_data.emplace_back().records.pieces.push_back(std::move(records));
    return request;
}

inline msg::FetchRequest fetch_from(const std::string& topic, int64_t offset, int32_t max_wait_ms) {
    msg::FetchRequest request;
    request.max_wait_ms = max_wait_ms;
    request.min_bytes = 1;
    request.max_bytes = 50 * 1024 * 1024;
    auto& wanted = request.topics.emplace_back();
    wanted.topic = topic;
    auto& partition = wanted.partitions.emplace_back();
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 50 * 1024 * 1024;
    return request;
}

} // namespace ottla
