// The classic consumer protocol: what members tell the leader and what it tells them. Newer versions than ours are read as
// the newest known one, and what follows is ignored.
#include "core/group/consumer_protocol.hpp"

#include <fmt/format.h>

#include "tools/golden/golden.hpp"

namespace ottla::golden {
namespace {

using core::group::newest_consumer_protocol;

Json nullable_hex(const std::optional<std::vector<uint8_t>>& bytes) {
    return bytes ? Json(to_hex(*bytes)) : Json(nullptr);
}

Json printed(const std::vector<TopicPartition>& partitions) {
    Json list = Json::array();
    for (const TopicPartition& one : partitions)
        list.push_back({one.topic, one.partition});
    return list;
}

Json printed(const GroupMember& member) {
    return {
        {"topics", member.topics},
        {"userData", nullable_hex(member.user_data)},
        {"ownedPartitions", printed(member.owned)},
        {"generationId", member.generation},
        {"rackId", member.rack ? Json(*member.rack) : Json(nullptr)}};
}

Json printed(const MemberAssignment& assignment) {
    return {{"partitions", printed(assignment.partitions)}, {"userData", nullable_hex(assignment.user_data)}};
}

struct Subscription {
    static Result<GroupMember> decode(const Buffer& bytes) {
        return core::group::decode_subscription("a", std::nullopt, bytes);
    }
    static constexpr auto encode = core::group::encode_subscription;
};

struct Assignment {
    static constexpr auto decode = core::group::decode_assignment;
    static constexpr auto encode = core::group::encode_assignment;
};

template <class Protocol>
void check(const Json& line, Report& report) {
    const std::string hex = line.at("hex").get<std::string>();
    const auto version = line.at("version").get<int16_t>();
    const auto decoded = Protocol::decode(buffer_from_hex(hex));
    if (!decoded)
        return report.fail(decoded.error().message());
    if (printed(*decoded) != line.at("decoded"))
        return report.fail(fmt::format("{}\ninstead of\n{}", printed(*decoded).dump(), line.at("decoded").dump()));
    if (version > newest_consumer_protocol)
        return report.pass();
    const auto written = Protocol::encode(*decoded, version);
    report.check(written && to_hex(*written) == hex, "written again, the bytes differ");
}

template <class Protocol>
void check_hostile(const Json& line, Report& report) {
    const auto decoded = Protocol::decode(buffer_from_hex(line.at("hex").get<std::string>()));
    report.check(
        line.at("expect") != "error" || !decoded,
        fmt::format(
            "consumer protocol {} was accepted: {}", line.value("kind", ""), line.value("mutation", "")
        )
    );
}

} // namespace

void check_consumer_protocol(const Json& line, Report& report) {
    if (line.at("kind") == "subscription")
        check<Subscription>(line, report);
    else
        check<Assignment>(line, report);
}

void check_hostile_consumer_protocol(const Json& line, Report& report) {
    if (line.at("kind") == "subscription")
        check_hostile<Subscription>(line, report);
    else
        check_hostile<Assignment>(line, report);
}

} // namespace ottla::golden
