#include "assignor_world.hpp"
#include "catch.hpp"
#include "core/group/assignor/sticky_user_data.hpp"

using namespace ottla;
using namespace ottla::test;
using core::group::encode_generation;
using core::group::encode_holdings;

namespace {

/// Members that all subscribe to the same topics and held these partitions in generation 1.
Members holders(const Topics& topics, const std::vector<std::pair<std::string, std::vector<TopicPartition>>>& all) {
    Members members;
    for (const auto& [id, held] : all)
        members.push_back(
            {.id = id, .topics = topics, .owned = held, .generation = 1, .user_data = encode_holdings({.partitions = held, .generation = 1})}
        );
    return members;
}

constexpr const char* both[] = {"sticky", "cooperative-sticky"};

} // namespace

TEST_CASE("from nothing, the sticky assignors deal out partitions like round robin") {
    const Layouts topics{{.name = "t", .partitions = 3}, {.name = "u", .partitions = 2}};
    const Members members{{.id = "b", .topics = {"t", "u"}}, {.id = "a", .topics = {"u", "t"}}};
    for (const auto name : both)
        CHECK(assign(name, topics, members) == "a: t0 t2 u1\nb: t1 u0\n");
}

TEST_CASE("who joins gets only what others must give away; under the cooperative protocol not at once") {
    const Layouts topics{{.name = "t", .partitions = 6}};
    Members members = holders({"t"}, {{"a", {{"t", 0}, {"t", 1}, {"t", 2}}}, {"b", {{"t", 3}, {"t", 4}, {"t", 5}}}});
    members.push_back({.id = "c", .topics = {"t"}});
    CHECK(assign("sticky", topics, members) == "a: t0 t1\nb: t3 t4\nc: t2 t5\n");
    CHECK(assign("cooperative-sticky", topics, members) == "a: t0 t1\nb: t3 t4\nc:\n");

    members[0].owned.pop_back();
    members[1].owned.pop_back();
    CHECK(assign("cooperative-sticky", topics, members) == "a: t0 t1\nb: t3 t4\nc: t2 t5\n");
}

TEST_CASE("what somebody who left had goes to those that have least") {
    const Layouts topics{{.name = "t", .partitions = 6}};
    const Members members = holders({"t"}, {{"a", {{"t", 0}, {"t", 1}}}, {"b", {{"t", 3}, {"t", 4}, {"t", 5}}}});
    for (const auto name : both)
        CHECK(assign(name, topics, members) == "a: t0 t1 t2\nb: t3 t4 t5\n");
}

TEST_CASE("of two members that claim a partition the one of the later generation holds it") {
    const Layouts topics{{.name = "t", .partitions = 2}};
    Members members = holders({"t"}, {{"a", {{"t", 0}}}, {"b", {{"t", 0}, {"t", 1}}}});
    members[0].generation = 2;
    members[0].user_data = encode_holdings({.partitions = {{"t", 0}}, .generation = 2});
    for (const auto name : both)
        CHECK(assign(name, topics, members) == "a: t0\nb: t1\n");
}

TEST_CASE("a partition that two members of one generation claim is taken from both first") {
    const Layouts topics{{.name = "t", .partitions = 4}};
    const Members members = holders({"t"}, {{"a", {{"t", 0}, {"t", 1}}}, {"b", {{"t", 1}, {"t", 2}}}});
    CHECK(assign("sticky", topics, members) == "a: t0 t1\nb: t2 t3\n");
    CHECK(assign("cooperative-sticky", topics, members) == "a: t0\nb: t2 t3\n");
}

TEST_CASE("who claims a partition of a later generation has it, however many quarrel about it from before") {
    const Layouts topics{{.name = "t", .partitions = 3}};
    const std::vector<TopicPartition> same{{"t", 0}};
    Members members = holders({"t"}, {{"a", same}, {"b", same}, {"c", same}});
    members[2].generation = 2;
    members[2].user_data = encode_holdings({.partitions = same, .generation = 2});
    for (size_t i = 0; i < members.size(); ++i) {
        std::rotate(members.begin(), members.begin() + 1, members.end());
        for (const auto name : both)
            CHECK(assign(name, topics, members) == "a: t1\nb: t2\nc: t0\n");
    }
}

TEST_CASE("a member that names a partition twice holds it") {
    const Layouts topics{{.name = "t", .partitions = 2}};
    const Members members = holders({"t"}, {{"a", {{"t", 1}, {"t", 1}}}, {"b", {}}});
    for (const auto name : both)
        CHECK(assign(name, topics, members) == "a: t1\nb: t0\n");
}

TEST_CASE("claims to what does not exist or is not subscribed to count for nothing") {
    const Layouts topics{{.name = "t", .partitions = 2}, {.name = "u", .partitions = 1}};
    const std::vector<TopicPartition> odd{{"t", 7}, {"t", -1}, {"t", INT32_MIN}, {"gone", 0}, {"u", 0}, {"t", 1}};
    for (const auto name : both)
        CHECK(assign(name, topics, holders({"t"}, {{"a", odd}, {"b", {}}})) == "a: t1\nb: t0\n");
    Members differ = holders({"t"}, {{"a", odd}, {"b", {}}});
    differ[1].topics = {"u"};
    CHECK(assign("sticky", topics, differ) == "a: t0 t1\nb: u0\n");
    CHECK(assign("cooperative-sticky", topics, differ) == "a: t0 t1\nb:\n"); // a must give u0 up first
}

TEST_CASE("a member whose user data make no sense held nothing") {
    const Layouts topics{{.name = "t", .partitions = 2}};
    Members members = holders({"t"}, {{"a", {{"t", 1}}}, {"b", {{"t", 0}}}});
    for (GroupMember& member : members)
        member.user_data = std::vector<uint8_t>{0x7f, 0xff, 0xff, 0xff};
    CHECK(assign("sticky", topics, members) == "a: t0\nb: t1\n");
}

TEST_CASE("the cooperative one takes the generation from user data where the subscription has no field") {
    const Layouts topics{{.name = "t", .partitions = 2}};
    Members members = holders({"t"}, {{"a", {{"t", 0}}}, {"b", {{"t", 0}, {"t", 1}}}});
    members[0].generation = members[1].generation = -1;
    members[0].user_data = encode_generation(9);
    members[1].user_data = encode_generation(8);
    CHECK(assign("cooperative-sticky", topics, members) == "a: t0\nb: t1\n");
    members[1].user_data = std::vector<uint8_t>{0, 0};
    CHECK(assign("cooperative-sticky", topics, members) == "a: t0\nb: t1\n");
}

TEST_CASE("with different subscriptions, too, counts are as equal as can be") {
    const Layouts topics{{.name = "t", .partitions = 1}, {.name = "u", .partitions = 2}, {.name = "v", .partitions = 3}};
    Members members{{.id = "a", .topics = {"t"}}, {.id = "b", .topics = {"t", "u"}}, {.id = "c", .topics = {"t", "u", "v"}}};
    for (const auto name : both)
        CHECK(assign(name, topics, members) == "a: t0\nb: u0 u1\nc: v0 v1 v2\n");
    members = Members{
        {.id = "b", .topics = {"t", "u"}, .owned = {{"u", 0}, {"u", 1}}, .generation = 1},
        {.id = "c", .topics = {"t", "u", "v"}, .owned = {{"v", 0}, {"v", 1}, {"v", 2}}, .generation = 1}};
    CHECK(assign("cooperative-sticky", topics, members) == "b: t0 u0 u1\nc: v0 v1 v2\n");
}

TEST_CASE("with different subscriptions, partitions move away from who has two more than somebody else") {
    const Layouts topics{{.name = "t", .partitions = 4}, {.name = "u", .partitions = 1}};
    Members members = holders({"t", "u"}, {{"a", {{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}, {"u", 0}}}});
    members.push_back({.id = "b", .topics = {"t"}});
    CHECK(assign("sticky", topics, members) == "a: t2 t3 u0\nb: t0 t1\n");
    CHECK(assign("cooperative-sticky", topics, members) == "a: t2 t3 u0\nb:\n");
}

TEST_CASE("a member that came back with an old claim is preferred where something moves") {
    const Layouts topics{{.name = "t", .partitions = 4}, {.name = "u", .partitions = 1}};
    Members members = holders({"t", "u"}, {{"a", {{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}, {"u", 0}}}});
    members[0].user_data = encode_holdings({.partitions = members[0].owned, .generation = 5});
    members.push_back({.id = "b", .topics = {"t"}});
    members.push_back({.id = "c", .topics = {"t"}, .user_data = encode_holdings({.partitions = {{"t", 2}}, .generation = 4})});
    CHECK(assign("sticky", topics, members) == "a: t3 u0\nb: t0\nc: t1 t2\n");
    // Not when it does not subscribe any more.
    members[2].topics = {"u"};
    CHECK(assign("sticky", topics, members).find("c: t") == std::string::npos);
}

TEST_CASE("wishes that undo each other come to an end, and to a fair one") {
    // Going back to an old owner and taking back what was moved would have partitions go round for ever here.
    const Layouts topics{
        {.name = "t0-", .partitions = 1}, {.name = "t1-", .partitions = 8}, {.name = "t2-", .partitions = 9},
        {.name = "t3-", .partitions = 5}, {.name = "t4-", .partitions = 7}, {.name = "t5-", .partitions = 8}};
    const auto member = [](const char* id, int32_t generation, Topics subscribed, std::vector<TopicPartition> owned = {}) {
        return GroupMember{.id = id, .topics = std::move(subscribed), .owned = std::move(owned), .generation = generation};
    };
    const Members members{
        member("m19-0", 0, {"t1-", "t3-", "t4-"}, {{"t2-", 5}, {"t3-", 2}, {"t4-", 1}, {"t4-", 5}, {"t5-", 3}, {"t5-", 7}}),
        member("m7-1", 1, {"t0-"}, {{"t1-", 3}, {"t1-", 4}, {"t2-", 4}, {"t2-", 5}, {"t4-", 1}, {"t4-", 4}, {"t5-", 1}, {"t5-", 4}}),
        member(
            "m25-2", 2, {"t3-", "t4-", "t5-"},
            {{"t1-", 0}, {"t1-", 3}, {"t1-", 5}, {"t1-", 7}, {"t2-", 2}, {"t2-", 3}, {"t2-", 6}, {"t3-", 1},
             {"t4-", 2}, {"t4-", 4}, {"t5-", 1}, {"t5-", 2}, {"t5-", 4}, {"t5-", 6}, {"t5-", 7}}
        ),
        member("m12-3", 2, {"t0-", "t1-", "t2-", "t4-"}), member("m29-4", 0, {"t5-"}), member("m11-5", 2, {"t5-"}),
        member("m29-6", 1, {"t0-", "t2-", "t3-"}), member("m11-7", 2, {"t4-"}), member("m6-8", 0, {"t1-", "t2-", "t5-"}),
        member("m39-9", 0, {"t0-"}), member("m6-10", 0, {"t0-", "t4-", "t5-"})};
    std::set<TopicPartition> owned;
    for (const GroupMember& one : members)
        owned.insert(one.owned.begin(), one.owned.end());
    const auto given = assignor("cooperative-sticky")->assign(topics, members).value();
    CHECK(problem_with(given, topics, members, owned) == "");
    // With everything given: the same claims, told to the eager one.
    Members eager = members;
    for (GroupMember& one : eager)
        one.user_data = encode_holdings({.partitions = one.owned, .generation = one.generation});
    const auto all = assignor("sticky")->assign(topics, eager).value();
    CHECK(problem_with(all, topics, eager) == "");
    CHECK_FALSE(could_be_fairer(all, eager));
}

TEST_CASE("partitions of another rack are not kept, those of the own rack are taken first") {
    const std::vector<std::vector<std::string>> racks{{"x"}, {"x"}, {"y"}, {"y"}};
    const Layouts topics{{.name = "t", .partitions = 4, .racks_of_partition = racks}};
    Members members = holders({"t"}, {{"a", {{"t", 0}, {"t", 2}}}, {"b", {{"t", 1}, {"t", 3}}}});
    members[0].rack = "x";
    members[1].rack = "y";
    CHECK(assign("sticky", topics, members) == "a: t0 t1\nb: t2 t3\n");
    CHECK(assign("cooperative-sticky", topics, members) == "a: t0\nb: t3\n");
    members[0].topics = {"t", "missing"}; // the other algorithm
    CHECK(assign("sticky", topics, members) == "a: t0 t1\nb: t2 t3\n");
    CHECK(assign("cooperative-sticky", topics, members) == "a: t0\nb: t3\n");
}

TEST_CASE("a sticky assignor sends along what its member was given, and the generation") {
    auto one = assignor("sticky");
    CHECK(one->user_data(Topics{"t"}) == std::nullopt);
    one->on_assignment({.partitions = {{"t", 2}, {"t", 1}}}, {.group_id = "g", .generation_id = 4});
    CHECK(one->user_data(Topics{"t"}) == encode_holdings({.partitions = {{"t", 1}, {"t", 2}}, .generation = 4}));
    one->on_assignment({}, {.group_id = "g", .generation_id = 5});
    CHECK(one->user_data(Topics{"t"}) == encode_holdings({.generation = 5}));

    auto other = assignor("cooperative-sticky");
    CHECK(other->user_data(Topics{"t"}) == encode_generation(-1));
    other->on_assignment({.partitions = {{"t", 2}}}, {.group_id = "g", .generation_id = 4});
    CHECK(other->user_data(Topics{"t"}) == encode_generation(4));
}
