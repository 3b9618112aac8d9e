#include "mock/server_assignor.hpp"

#include "unit/mock/consumer_group_world.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

const ConsumerGroupWorld world;

AssignorInput input_of(const std::map<std::string, std::set<std::string>>& subscriptions) {
    AssignorInput input;
    for (const auto& [id, topics] : subscriptions)
        input.members[id] = {std::nullopt, topics};
    input.topics = world.topics;
    return input;
}

std::string text(const TargetAssignment& target) {
    std::string out;
    for (const auto& [id, partitions] : target)
        out += "(" + id + ": " + ConsumerGroupWorld::text(partitions) + ")";
    return out;
}

} // namespace

TEST_CASE("range gives consecutive partitions of each topic to its readers") {
    const auto input = input_of({{"a", {"t", "u"}}, {"b", {"t", "u"}}, {"c", {"t"}}});
    CHECK(text(assign("range", input)) == "(a: t0 t1 u0)(b: t2 u1)(c: t3)");
}

TEST_CASE("range goes by instance ids, so that a restarted member has the same again") {
    auto input = input_of({{"a", {"t"}}, {"b", {"t"}}});
    input.members["a"].instance_id = "2";
    input.members["b"].instance_id = "1";
    CHECK(text(assign("range", input)) == "(a: t2 t3)(b: t0 t1)");
}

TEST_CASE("uniform deals out evenly over all topics") {
    CHECK(text(assign("uniform", input_of({{"a", {"t", "u"}}, {"b", {"t", "u"}}, {"c", {"t", "u"}}}))) ==
          "(a: t0 t3)(b: t1 u0)(c: t2 u1)");
    CHECK(text(assign("uniform", input_of({{"a", {"t"}}, {"b", {"u", "nowhere"}}, {"c", {}}}))) ==
          "(a: t0 t1 t2 t3)(b: u0 u1)(c: )");
}

TEST_CASE("uniform moves no more than it must") {
    auto input = input_of({{"a", {"t"}}, {"b", {"t"}}});
    input.before = {{"a", ConsumerGroupWorld::partitions("t0 t1 t2 t3")}};
    CHECK(text(assign("uniform", input)) == "(a: t0 t1)(b: t2 t3)");
    input.members["c"] = {std::nullopt, {"t"}};
    input.before = {{"a", ConsumerGroupWorld::partitions("t0 t1")}, {"b", ConsumerGroupWorld::partitions("t2 t3")}};
    CHECK(text(assign("uniform", input)) == "(a: t0 t1)(b: t2)(c: t3)");
}

TEST_CASE("uniform keeps nothing that is not read any more, is gone, or is another's too") {
    auto input = input_of({{"a", {"t"}}, {"b", {"t"}}});
    input.before = {
        {"a", ConsumerGroupWorld::partitions("t1 t9 u0 x0")}, {"b", ConsumerGroupWorld::partitions("t0 t1")}};
    CHECK(text(assign("uniform", input)) == "(a: t1 t2)(b: t0 t3)");
}

TEST_CASE("uniform evens out along subscriptions") {
    auto input = input_of({{"a", {"t", "u"}}, {"b", {"u"}}});
    input.before = {{"a", ConsumerGroupWorld::partitions("t0 t1 t2 t3 u0 u1")}};
    CHECK(text(assign("uniform", input)) == "(a: t0 t1 t2 t3)(b: u0 u1)");
}
