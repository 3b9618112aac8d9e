// What members of a group say to each other, from any bytes: subscriptions, assignments, user data of the sticky assignors. What can be
// read can be written, and is read as the same again. A leader deals out partitions to whatever members it is told of: each partition
// to one member, which subscribes to its topic.
#include <cstdlib>
#include <set>

#include "core/group/assignor/builtin.hpp"
#include "core/group/assignor/sticky_user_data.hpp"
#include "core/group/consumer_protocol.hpp"

using namespace ottla;
using namespace ottla::core::group;

namespace {

void check(bool holds) {
    if (!holds)
        std::abort();
}

bool same(const GroupMember& a, const GroupMember& b) {
    return a.topics == b.topics && a.owned == b.owned && a.generation == b.generation && a.rack == b.rack && a.user_data == b.user_data;
}

std::optional<GroupMember> subscription(const Buffer& bytes, const std::string& id) {
    auto member = decode_subscription(id, std::nullopt, bytes);
    if (!member)
        return std::nullopt;
    // Writing sorts, so it is what was written once that must stay.
    const auto written = encode_subscription(*member);
    if (written) {
        const auto once = decode_subscription(id, std::nullopt, *written);
        check(once.has_value());
        const auto again = encode_subscription(*once);
        check(again.has_value());
        const auto twice = decode_subscription(id, std::nullopt, *again);
        check(twice.has_value() && same(*once, *twice));
    }
    return std::move(*member);
}

void assignment(const Buffer& bytes) {
    const auto given = decode_assignment(bytes);
    if (!given)
        return;
    if (const auto written = encode_assignment(*given)) {
        const auto again = decode_assignment(*written);
        check(again.has_value() && again->partitions.size() == given->partitions.size() && again->user_data == given->user_data);
    }
}

void user_data(Bytes bytes) {
    if (const auto held = decode_holdings(bytes)) {
        const auto written = encode_holdings(*held);
        const auto again = decode_holdings({written.data(), written.size()});
        check(again.has_value() && again->generation == held->generation);
    }
    if (const auto generation = decode_generation(bytes)) {
        const auto written = encode_generation(*generation);
        check(decode_generation({written.data(), written.size()}).value() == *generation);
    }
}

void deal_out(const std::vector<GroupMember>& members) {
    std::set<std::string> names;
    for (const auto& member : members)
        names.insert(member.topics.begin(), member.topics.end());
    std::vector<TopicLayout> topics;
    int32_t partitions = 1;
    for (const auto& name : names)
        topics.push_back({.name = name, .partitions = partitions++ % 4});
    for (const auto* name : {"range", "roundrobin", "sticky", "cooperative-sticky"}) {
        const auto assignor = make_assignor(name).value();
        std::set<TopicPartition> taken;
        const auto dealt = assignor->assign(topics, members);
        if (!dealt)
            continue;
        for (const auto& [id, given] : *dealt)
            for (const auto& where : given.partitions)
                check(taken.insert(where).second);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1)
        return 0;
    // Several subscriptions in one input: each as long as the byte before it says, in units of eight.
    std::vector<GroupMember> members;
    size_t at = 0;
    while (at < size && members.size() < 5) {
        const size_t length = std::min<size_t>(size_t{data[at]} * 8, size - at - 1);
        const Buffer bytes = Buffer::copy_of(Bytes(data + at + 1, length));
        if (auto member = subscription(bytes, "m-" + std::to_string(members.size()))) {
            if (member->topics.size() <= 64 && member->owned.size() <= 256)
                members.push_back(std::move(*member));
        }
        assignment(bytes);
        user_data(Bytes(data + at + 1, length));
        at += 1 + length;
    }
    if (!members.empty())
        deal_out(members);
    return 0;
}
