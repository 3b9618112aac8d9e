#include "assignor_world.hpp"
#include "catch.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

Members dynamic_members(const std::vector<std::pair<std::string, Topics>>& all) {
    Members members;
    for (const auto& [id, topics] : all)
        members.push_back({.id = id, .topics = topics});
    return members;
}

using Racks = std::vector<std::vector<std::string>>;

} // namespace

TEST_CASE("range gives runs of each topic, longer ones to the first members") {
    const Layouts topics{{.name = "t", .partitions = 7}, {.name = "u", .partitions = 2}};
    const Members members = dynamic_members({{"c", {"t", "u"}}, {"a", {"u", "t"}}, {"b", {"t"}}});
    CHECK(assign("range", topics, members) == "a: t0 t1 t2 u0\n"
                                              "b: t3 t4\n"
                                              "c: t5 t6 u1\n");
}

TEST_CASE("round robin deals all topics in one row and passes over who does not subscribe") {
    const Layouts topics{{.name = "u", .partitions = 3}, {.name = "t", .partitions = 3}};
    const Members members = dynamic_members({{"c", {"t", "u"}}, {"a", {"t", "u"}}, {"b", {"t"}}});
    CHECK(assign("roundrobin", topics, members) == "a: t0 u0 u2\n"
                                                   "b: t1\n"
                                                   "c: t2 u1\n");
}

TEST_CASE("static members come first, by instance id") {
    const Layouts topics{{.name = "t", .partitions = 4}};
    Members members = dynamic_members({{"a", {"t"}}, {"b", {"t"}}, {"c", {"t"}}, {"d", {"t"}}});
    members[3].instance_id = "1";
    members[2].instance_id = "2";
    const std::string expected = "a: t2\nb: t3\nc: t1\nd: t0\n";
    CHECK(assign("range", topics, members) == expected);
    CHECK(assign("roundrobin", topics, members) == expected);
}

TEST_CASE("topics that do not exist, have no partitions or no subscribers are passed over") {
    const Layouts topics{{.name = "t", .partitions = 1}, {.name = "empty", .partitions = 0}, {.name = "other", .partitions = 5}, {.name = "odd", .partitions = -1}};
    const Members members = dynamic_members({{"a", {"t", "t", "empty", "missing", "odd"}}, {"b", {}}});
    for (const auto name : {"range", "roundrobin", "sticky", "cooperative-sticky"})
        CHECK(assign(name, topics, members) == "a: t0\nb:\n");
}

TEST_CASE("an empty group is given nothing") {
    for (const auto name : {"range", "roundrobin", "sticky", "cooperative-sticky"}) {
        CHECK(assign(name, {{.name = "t", .partitions = 3}}, {}) == "");
        CHECK(assign(name, {}, dynamic_members({{"a", {"t"}}})) == "a:\n");
    }
}

TEST_CASE("a member or topic that is there twice is an error") {
    const Layouts topics{{.name = "t", .partitions = 3}};
    for (const auto name : {"range", "roundrobin", "sticky", "cooperative-sticky"}) {
        const auto twice = assignor(name)->assign(topics, dynamic_members({{"a", {"t"}}, {"b", {}}, {"a", {"t"}}}));
        CHECK(twice.error().message() == "member a is in the group twice");
        const Layouts same{{.name = "t", .partitions = 3}, {.name = "t", .partitions = 4}};
        CHECK(assignor(name)->assign(same, dynamic_members({{"a", {"t"}}})).error().message() == "topic t is there twice");
        const Layouts huge{{.name = "t", .partitions = INT32_MAX}, {.name = "u", .partitions = INT32_MAX}};
        CHECK(assignor(name)->assign(huge, dynamic_members({{"a", {"t", "u"}}})).error().errc() == Errc::_invalid_arg);
    }
}

TEST_CASE("range gives a member partitions of its rack as far as shares stay as they are") {
    const Layouts topics{{.name = "t", .partitions = 4, .racks_of_partition = Racks{{"y"}, {"x", "y"}, {"x"}, {"x"}}}};
    Members members = dynamic_members({{"a", {"t"}}, {"b", {"t"}}});
    members[0].rack = "x";
    members[1].rack = "y";
    CHECK(assign("range", topics, members) == "a: t1 t2\nb: t0 t3\n");

    // Without a rack, with one that no broker is in, or with replicas in all of them, it is as ever.
    const std::string plain = "a: t0 t1\nb: t2 t3\n";
    members[0].rack.reset();
    members[1].rack = "elsewhere";
    CHECK(assign("range", topics, members) == plain);
    members[1].rack = "";
    CHECK(assign("range", topics, members) == plain);
    members[1].rack = "y";
    CHECK(assign("range", {{.name = "t", .partitions = 4, .racks_of_partition = Racks(4, {"x", "y"})}}, members) == plain);
    CHECK(assign("range", {{.name = "t", .partitions = 4}}, members) == plain);
}

TEST_CASE("range keeps equal numbers of alike topics together, and looks at racks only after that") {
    const Layouts topics{
        {.name = "t", .partitions = 2, .racks_of_partition = Racks{{"y"}, {"x"}}},
        {.name = "u", .partitions = 2, .racks_of_partition = Racks{{"y"}, {"x"}}}};
    Members members = dynamic_members({{"a", {"t", "u"}}, {"b", {"t", "u"}}});
    members[0].rack = "x";
    members[1].rack = "y";
    CHECK(assign("range", topics, members) == "a: t1 u1\nb: t0 u0\n");

    // Partition 0 of the two lies in different racks: no member is near both, so no rack counts.
    Layouts crossed = topics;
    crossed[1].racks_of_partition = Racks{{"x"}, {"y"}};
    CHECK(assign("range", crossed, members) == "a: t0 u0\nb: t1 u1\n");

    // Racks that end early are not known there.
    Layouts shorter = topics;
    shorter[0].racks_of_partition.resize(1);
    CHECK(assign("range", shorter, members) == "a: t1 u1\nb: t0 u0\n");
}

TEST_CASE("assignors are known by their names") {
    CHECK(assignor("range")->name() == "range");
    const auto unknown = core::group::make_assignor("Range");
    CHECK(unknown.error().errc() == Errc::_invalid_arg);
    CHECK(unknown.error().message() == "no assignor is called \"Range\"; there are range, roundrobin, sticky, cooperative-sticky");
}

namespace {

/// An application's own: everything to the member with the smallest id, however the others protest.
class Favourite : public PartitionAssignor {
public:
    std::string name() const override { return "favourite"; }

    bool supports(RebalanceProtocol protocol) const override { return protocol == RebalanceProtocol::cooperative; }

    Result<GroupAssignment> assign(std::span<const TopicLayout> topics, std::span<const GroupMember> members) override {
        GroupAssignment result;
        for (const GroupMember& member : members)
            result[member.id].user_data = member.user_data;
        for (const TopicLayout& topic : topics)
            for (int32_t p = 0; p < topic.partitions; ++p)
                result.begin()->second.partitions.push_back({topic.name, p});
        return result;
    }
};

} // namespace

TEST_CASE("members follow the most cooperative protocol that all their assignors support") {
    const auto of = [](std::initializer_list<const char*> names, bool with_own = false) {
        std::vector<std::unique_ptr<PartitionAssignor>> all;
        for (const char* name : names)
            all.push_back(assignor(name));
        if (with_own)
            all.push_back(std::make_unique<Favourite>());
        return core::group::common_protocol(all);
    };
    CHECK(of({"range", "roundrobin"}).value() == RebalanceProtocol::eager);
    CHECK(of({"cooperative-sticky"}).value() == RebalanceProtocol::cooperative);
    CHECK(of({"cooperative-sticky", "range"}).value() == RebalanceProtocol::eager);
    CHECK(of({"cooperative-sticky"}, true).value() == RebalanceProtocol::cooperative);
    CHECK(of({"sticky"}, true).error().message() == "some are eager only, some cooperative only: sticky, favourite");
    CHECK(of({}).error().errc() == Errc::_invalid_arg);
}

TEST_CASE("an application may bring an assignor of its own") {
    std::unique_ptr<PartitionAssignor> own = std::make_unique<Favourite>();
    const auto given = own->assign(Layouts{{.name = "t", .partitions = 2}}, dynamic_members({{"b", {"t"}}, {"a", {"t"}}}));
    CHECK(text(*given) == "a: t0 t1\nb:\n");
    CHECK(own->user_data(Topics{"t"}) == std::nullopt);
}
