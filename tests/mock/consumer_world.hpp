// A consumer against the embedded cluster on loopback. Data are put in by a socket of the test's own, so that
// these tests stand on nothing but the wire format.
#pragma once

#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <ottla/consumer.hpp>
#include <ottla/mock_cluster.hpp>
#include <ottla/msg/produce.hpp>

#include "base/endian.hpp"
#include "record/builder.hpp"
#include "wire/frame.hpp"

namespace ottla::test {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct ConsumerWorld {
    explicit ConsumerWorld(MockClusterOptions options = {})
        : cluster(options) {}

    Config config(std::initializer_list<std::pair<const std::string, std::string>> more = {}) const {
        Config all{
            {"bootstrap.servers", cluster.bootstrap_servers()},
            {"auto.offset.reset", "earliest"},
            {"reconnect.backoff.ms", "20"},
            {"reconnect.backoff.max.ms", "200"},
        };
        for (const auto& [name, value] : more)
            all.set(name, value);
        return all;
    }

    /// Puts ready batches into a partition, at its leader. Returns the base offset.
    int64_t put(const std::string& topic, int32_t partition, Buffer batches, int16_t version = 7) {
        const auto leader = cluster.leader(topic, partition);
        if (!leader)
            throw std::runtime_error("no leader of " + topic);
        msg::ProduceRequest request;
        request.acks = -1;
        request.timeout_ms = 5000;
        auto& data = request.topic_data.emplace_back();
        data.name = topic;
        auto& line = data.partition_data.emplace_back();
        line.index = partition;
        line.records.pieces = {std::move(batches)};
        const Buffer frame = wire::encode_request(request, version, 1, "test").value().flatten();

        boost::asio::io_context io;
        boost::asio::ip::tcp::socket socket(io);
        socket.connect({boost::asio::ip::make_address("127.0.0.1"), cluster.port(*leader)});
        boost::asio::write(socket, boost::asio::buffer(frame.data(), frame.size()));
        uint8_t prefix[4];
        boost::asio::read(socket, boost::asio::buffer(prefix));
        Buffer answer = Buffer::allocate(load_be<uint32_t>(prefix));
        boost::asio::read(socket, boost::asio::buffer(answer.mutable_data(), answer.size()));
        msg::ProduceResponse response;
        if (Error error = wire::decode_response(response, version, answer))
            throw std::runtime_error(error.message());
        const auto& result = response.responses.at(0).partition_responses.at(0);
        if (result.error_code != 0)
            throw std::runtime_error("produce: " + error_name(static_cast<Errc>(result.error_code)));
        return result.base_offset;
    }

    /// Puts `count` records with values "<prefix>0", "<prefix>1", ... into a partition.
    int64_t fill(
        const std::string& topic,
        int32_t partition,
        int count,
        const std::string& prefix = "v",
        record::BuildOptions options = {}
    ) {
        std::vector<std::string> values;
        for (int i = 0; i < count; ++i)
            values.push_back(prefix + std::to_string(i));
        std::vector<record::BuildRecord> records;
        for (int i = 0; i < count; ++i)
            records.push_back(
                {.offset = i, .timestamp_ms = 1000 + i, .key = "key", .value = values[static_cast<size_t>(i)]}
            );
        return put(topic, partition, record::build_batch(options, records).value());
    }

    MockCluster cluster;
};

/// Polls until `count` messages have come or ten seconds are over; events end it too.
inline std::vector<std::string> values_of(Consumer& consumer, size_t count) {
    std::vector<std::string> values;
    const auto deadline = Clock::now() + 10s;
    while (values.size() < count && Clock::now() < deadline) {
        const auto message = consumer.poll(100ms);
        if (!message)
            continue;
        values.push_back(
            message->error() ? error_name(message->error().errc()) + " " + std::to_string(message->offset())
                             : std::string(message->value().text())
        );
    }
    return values;
}

inline std::vector<std::string> numbered(const std::string& prefix, int count) {
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i)
        values.push_back(prefix + std::to_string(i));
    return values;
}

} // namespace ottla::test
