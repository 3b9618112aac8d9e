#include "core/group/consumer_protocol.hpp"

#include "base/rng.hpp"
#include "catch.hpp"

using namespace ottla;
using namespace ottla::core::group;

namespace {

GroupMember full_member() {
    return {
        .id = "m-1",
        .instance_id = "i-1",
        .topics = {"a", "b"},
        .owned = {{"a", 0}, {"a", 2}, {"b", 1}},
        .generation = 7,
        .rack = "r",
        .user_data = std::vector<uint8_t>{1, 2, 3}};
}

Result<GroupMember> decode(const Buffer& bytes) {
    return decode_subscription("m-1", "i-1", bytes);
}

bool same(const GroupMember& a, const GroupMember& b) {
    return a.id == b.id && a.instance_id == b.instance_id && a.topics == b.topics && a.owned == b.owned &&
           a.generation == b.generation && a.rack == b.rack && a.user_data == b.user_data;
}

Buffer with_byte(const Buffer& bytes, size_t at, uint8_t value) {
    Buffer copy = Buffer::copy_of(bytes);
    copy.mutable_data()[at] = value;
    return copy;
}

} // namespace

TEST_CASE("a version carries what it has fields for") {
    const GroupMember member = full_member();
    for (int16_t version = 0; version <= newest_consumer_protocol; ++version) {
        CAPTURE(version);
        const auto decoded = decode(encode_subscription(member, version).value());
        GroupMember expected = member;
        if (version < 1)
            expected.owned.clear();
        if (version < 2)
            expected.generation = -1;
        if (version < 3)
            expected.rack.reset();
        REQUIRE(decoded);
        CHECK(same(*decoded, expected));
    }
    CHECK(encode_subscription(member, 4).error().errc() == Errc::_unsupported_feature);
}

TEST_CASE("topics and owned partitions are sorted and put together") {
    GroupMember member = full_member();
    member.topics = {"b", "a"};
    member.owned = {{"b", 1}, {"a", 2}, {"a", 0}};
    CHECK(encode_subscription(member).value() == encode_subscription(full_member()).value());
}

TEST_CASE("a newer version is read as the newest known one, whatever follows") {
    const Buffer known = encode_subscription(full_member()).value();
    Buffer newer = Buffer::allocate(known.size() + 5);
    std::copy_n(known.data(), known.size(), newer.mutable_data());
    std::fill_n(newer.mutable_data() + known.size(), 5, uint8_t{0xff});
    newer.mutable_data()[1] = 9;
    CHECK(same(decode(newer).value(), full_member()));
}

TEST_CASE("an assignment is read as it was written") {
    const MemberAssignment assignment{.partitions = {{"b", 1}, {"a", 0}, {"a", 3}}, .user_data = std::vector<uint8_t>{}};
    for (int16_t version = 0; version <= newest_consumer_protocol; ++version)
        CHECK(decode_assignment(encode_assignment(assignment, version).value()).value() == assignment);
}

TEST_CASE("a subscription that is cut off is an error which names the member") {
    const Buffer bytes = encode_subscription(full_member()).value();
    for (size_t size = 0; size < bytes.size(); ++size) {
        const auto decoded = decode(bytes.slice(0, size));
        REQUIRE(!decoded);
        CHECK(decoded.error().errc() == Errc::_bad_msg);
        CHECK(decoded.error().message().find("member m-1") != std::string::npos);
    }
    const auto negative = decode(with_byte(bytes, 0, 0x80));
    CHECK(negative.error().message() == "subscription of member m-1: version -32765");
}

TEST_CASE("an assignment that is cut off is an error") {
    const Buffer bytes = encode_assignment({.partitions = {{"a", 0}, {"b", 3}}}).value();
    for (size_t size = 0; size < bytes.size(); ++size)
        CHECK(decode_assignment(bytes.slice(0, size)).error().errc() == Errc::_bad_msg);
}

TEST_CASE("counts that the bytes cannot hold are refused before anything is set aside for them") {
    const Buffer bytes = encode_subscription(full_member()).value();
    // Two bytes of version, then the number of topics.
    CHECK(decode(with_byte(bytes, 2, 0x7f)).error().errc() == Errc::_bad_msg);
    CHECK(decode(with_byte(bytes, 2, 0xff)).error().errc() == Errc::_bad_msg);
}

TEST_CASE("whatever a member sends is either read or refused") {
    Rng rng(11);
    const Buffer good = encode_subscription(full_member()).value();
    size_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        Buffer bytes = Buffer::copy_of(good);
        for (uint64_t k = rng.below(4) + 1; k > 0; --k)
            bytes.mutable_data()[rng.below(bytes.size())] = static_cast<uint8_t>(rng.next());
        if (const auto decoded = decode(bytes.slice(0, rng.below(bytes.size() + 1))); !decoded)
            ++refused;
        else
            CHECK(decoded->id == "m-1");
        static_cast<void>(decode_assignment(bytes)); // must return
    }
    CHECK(refused > 1000);
}
