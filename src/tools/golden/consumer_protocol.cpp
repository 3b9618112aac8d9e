// The classic consumer protocol: an int16 version, then a generated data message. Newer versions than ours
// are read as the newest known one, and what follows is ignored.
#include <algorithm>
#include <fmt/format.h>
#include <ottla/msg/consumer_protocol_assignment.hpp>
#include <ottla/msg/consumer_protocol_subscription.hpp>

#include "base/endian.hpp"
#include "tools/golden/golden.hpp"
#include "wire/codec.hpp"

namespace ottla::golden {
namespace {

template <class M>
Error read(M& out, const Buffer& bytes, int16_t& version) {
    if (bytes.size() < sizeof version)
        return {Errc::_bad_msg, "no version"};
    version = load_be<int16_t>(bytes.data());
    if (version < 0)
        return {Errc::_bad_msg, fmt::format("version {}", version)};
    const auto known = std::min(version, M::max_version);
    const auto used = wire::decode_prefix(
        M::info(), &out, known, bytes.slice(sizeof version, bytes.size() - sizeof version)
    );
    return used ? Error() : used.error();
}

template <class M>
bool written_again(const M& message, int16_t version, const std::string& hex) {
    uint8_t prefix[2];
    store_be(prefix, version);
    const auto body = wire::encode(message, version);
    return body && to_hex(std::span<const uint8_t>(prefix)) + to_hex(body->flatten()) == hex;
}

Json nullable_hex(const std::optional<std::vector<uint8_t>>& bytes) {
    return bytes ? Json(to_hex(*bytes)) : Json(nullptr);
}

template <class Topics>
Json flat(const Topics& topics) {
    Json list = Json::array();
    for (const auto& topic : topics)
        for (const int32_t partition : topic.partitions)
            list.push_back({topic.topic, partition});
    return list;
}

Json printed(const msg::ConsumerProtocolSubscription& m) {
    return {
        {"topics", m.topics},
        {"userData", nullable_hex(m.user_data)},
        {"ownedPartitions", flat(m.owned_partitions)},
        {"generationId", m.generation_id},
        {"rackId", m.rack_id ? Json(*m.rack_id) : Json(nullptr)}};
}

Json printed(const msg::ConsumerProtocolAssignment& m) {
    return {{"partitions", flat(m.assigned_partitions)}, {"userData", nullable_hex(m.user_data)}};
}

template <class M>
void check(const Json& line, Report& report) {
    const std::string hex = line.at("hex").get<std::string>();
    M message;
    int16_t version = 0;
    if (const Error error = read(message, buffer_from_hex(hex), version))
        return report.fail(error.message());
    if (version != line.at("version").get<int16_t>() || printed(message) != line.at("decoded"))
        return report.fail(
            fmt::format("{}\ninstead of\n{}", printed(message).dump(), line.at("decoded").dump())
        );
    report.check(
        version > M::max_version || written_again(message, version, hex), "written again, the bytes differ"
    );
}

template <class M>
void check_hostile(const Json& line, Report& report) {
    M message;
    int16_t version = 0;
    const Error error = read(message, buffer_from_hex(line.at("hex").get<std::string>()), version);
    report.check(
        line.at("expect") != "error" || error,
        fmt::format(
            "consumer protocol {} was accepted: {}", line.value("kind", ""), line.value("mutation", "")
        )
    );
}

} // namespace

void check_consumer_protocol(const Json& line, Report& report) {
    if (line.at("kind") == "subscription")
        check<msg::ConsumerProtocolSubscription>(line, report);
    else
        check<msg::ConsumerProtocolAssignment>(line, report);
}

void check_hostile_consumer_protocol(const Json& line, Report& report) {
    if (line.at("kind") == "subscription")
        check_hostile<msg::ConsumerProtocolSubscription>(line, report);
    else
        check_hostile<msg::ConsumerProtocolAssignment>(line, report);
}

} // namespace ottla::golden
