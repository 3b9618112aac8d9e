// A cluster core with a clock that tests turn by hand, and connections whose answers are kept.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ottla/msg/fetch.hpp>
#include <ottla/msg/produce.hpp>

#include "catch.hpp"
#include "mock/cluster_core.hpp"
#include "record/builder.hpp"
#include "wire/frame.hpp"

namespace ottla::mock {

struct ClusterWorld : Outlet {
    explicit ClusterWorld(int brokers = 1, CoreOptions options = {})
        : core(std::move(options), *this) {
        for (int32_t id = 1; id <= brokers; ++id) {
            core.add_broker(id, "127.0.0.1", 9000 + id);
            connections[id] = core.connect(id);
        }
    }

    // --- Outlet
    void send(ConnectionId connection, std::vector<Buffer> frame) override {
        const Buffer whole = wire::Pieces(std::move(frame)).flatten();
        answers[connection].push_back(whole.slice(4, whole.size() - 4));
    }

    void close(ConnectionId connection, Closing) override { closed.insert(connection); }

    // --- clients
    template <class Request>
    void put(ConnectionId connection, const Request& request, int16_t version, int32_t correlation_id = 7) {
        const auto frame = wire::encode_request(request, version, correlation_id, "test");
        REQUIRE(frame.has_value());
        const Buffer whole = frame->flatten();
        core.on_frame(connection, whole.slice(4, whole.size() - 4), now);
    }

    template <class Request>
    std::optional<typename Request::Response> take(ConnectionId connection, int16_t version) {
        auto& waiting = answers[connection];
        if (waiting.empty())
            return std::nullopt;
        typename Request::Response response;
        const Error error = wire::decode_response(response, version, waiting.front());
        waiting.pop_front();
        INFO(error.message());
        REQUIRE_FALSE(error);
        return response;
    }

    /// Asks a broker over its standing connection; the answer must come at once.
    template <class Request>
    typename Request::Response ask(const Request& request, int16_t version, int32_t broker = 1) {
        put(connections.at(broker), request, version);
        auto response = take<Request>(connections.at(broker), version);
        REQUIRE(response);
        return *response;
    }

    void advance(std::chrono::milliseconds time) {
        now += time;
        core.poll(now);
    }

    // --- the domain
    void create(const std::string& topic, int partitions, int16_t replicas = 1) {
        ClusterCore::NewTopic wanted;
        wanted.name = topic;
        wanted.partitions = partitions;
        wanted.replication_factor = replicas;
        wanted.config = core.options().topic_defaults;
        REQUIRE_FALSE(core.create_topic(wanted));
    }

    Partition& partition(const std::string& topic, int32_t index) {
        Partition* found = core.find_topic(topic)->find(index);
        REQUIRE(found);
        return *found;
    }

    ClusterCore core;
    TimePoint now{};
    std::map<int32_t, ConnectionId> connections;
    std::map<ConnectionId, std::deque<Buffer>> answers;
    std::set<ConnectionId> closed;
};

struct Sequence {
    int64_t producer_id = -1;
    int16_t epoch = -1;
    int32_t first = -1;
    bool transactional = false;
};

/// One batch with a record per value; timestamps are 1000, 1001, ...
inline Buffer batch_of(
    const std::vector<std::string>& values, Sequence sequence = {}, Compression codec = Compression::none
) {
    std::vector<record::BuildRecord> records;
    for (size_t i = 0; i < values.size(); ++i) {
        auto& record = records.emplace_back();
        record.offset = static_cast<int64_t>(i);
        record.timestamp_ms = 1000 + static_cast<int64_t>(i);
        record.value = values[i];
    }
    record::BuildOptions options;
    options.producer_id = sequence.producer_id;
    options.producer_epoch = sequence.epoch;
    options.base_sequence = sequence.first;
    options.transactional = sequence.transactional;
    options.compression = codec;
    const auto batch = record::build_batch(options, records);
    REQUIRE(batch.has_value());
    return *batch;
}

inline msg::ProduceRequest produce_request(const std::string& topic, int32_t partition, Buffer records) {
    msg::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& data = request.topic_data.emplace_back();
    data.name = topic;
    auto& one = data.partition_data.emplace_back();
    one.index = partition;
    one.records.pieces.push_back(std::move(records));
    return request;
}

struct FetchLimits {
    int32_t max_wait_ms = 500;
    int32_t min_bytes = 1;
    int32_t max_bytes = 50 * 1024 * 1024;
    int32_t partition_max_bytes = 1024 * 1024;
};

inline msg::FetchRequest
fetch_request(const std::string& topic, int32_t partition, int64_t offset, FetchLimits limits = {}) {
    msg::FetchRequest request;
    request.max_wait_ms = limits.max_wait_ms;
    request.min_bytes = limits.min_bytes;
    request.max_bytes = limits.max_bytes;
    auto& wanted = request.topics.emplace_back();
    wanted.topic = topic;
    auto& one = wanted.partitions.emplace_back();
    one.partition = partition;
    one.fetch_offset = offset;
    one.partition_max_bytes = limits.partition_max_bytes;
    return request;
}

inline int16_t number(Errc error) {
    return static_cast<int16_t>(error);
}

} // namespace ottla::mock
