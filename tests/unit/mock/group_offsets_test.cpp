#include "mock/group_offsets.hpp"

#include "catch.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

const TopicPartition where{"t", 0};

int64_t offset_of(const GroupOffsets& offsets, const TopicPartition& partition = where) {
    const CommittedOffset* known = offsets.find("g", partition);
    return known ? known->offset : -1;
}

} // namespace

TEST_CASE("offsets of a transaction count when it is committed, and never when it is aborted") {
    GroupOffsets offsets;
    offsets.commit_in_transaction("g", 7, where, {5});
    CHECK(offsets.is_pending("g", where));
    CHECK_FALSE(offsets.is_pending("g", {"t", 1}));
    CHECK(offset_of(offsets) == -1);
    offsets.end_transaction("g", 8, true);
    CHECK(offset_of(offsets) == -1);
    offsets.end_transaction("g", 7, true);
    CHECK(offset_of(offsets) == 5);
    CHECK_FALSE(offsets.is_pending("g", where));

    offsets.commit_in_transaction("g", 7, where, {6});
    offsets.end_transaction("g", 7, false);
    CHECK(offset_of(offsets) == 5);
    CHECK_FALSE(offsets.is_pending("g", where));
}

TEST_CASE("what was committed last counts, also against a transaction that ends later") {
    GroupOffsets offsets;
    offsets.commit_in_transaction("g", 7, where, {5});
    offsets.commit_in_transaction("g", 8, where, {6});
    offsets.commit("g", {"t", 1}, {1});
    offsets.end_transaction("g", 8, true);
    offsets.end_transaction("g", 7, true);
    CHECK(offset_of(offsets) == 6);
    offsets.commit_in_transaction("g", 7, where, {7});
    offsets.commit("g", where, {3});
    offsets.end_transaction("g", 7, true);
    CHECK(offset_of(offsets) == 3);
    CHECK(offsets.all("g").size() == 2);
}

TEST_CASE("offsets of a topic go with it, pending ones too") {
    GroupOffsets offsets;
    offsets.commit("g", where, {3});
    offsets.commit("g", {"u", 0}, {4});
    offsets.commit_in_transaction("g", 7, where, {5});
    offsets.forget_topic("t");
    offsets.end_transaction("g", 7, true);
    CHECK(offset_of(offsets) == -1);
    CHECK(offset_of(offsets, {"u", 0}) == 4);
}

TEST_CASE("offsets can be forgotten one by one, or with their group, pending ones too") {
    GroupOffsets offsets;
    const TopicPartition other{"t", 1};
    for (const TopicPartition& partition : {where, other}) {
        offsets.commit("g", partition, {3});
        offsets.commit_in_transaction("g", 7, partition, {5});
    }
    offsets.forget("g", where);
    offsets.forget("unheard of", where);
    CHECK_FALSE(offsets.is_pending("g", where));
    CHECK(offset_of(offsets) == -1);
    CHECK(offset_of(offsets, other) == 3);
    offsets.forget_group("g");
    offsets.end_transaction("g", 7, true);
    CHECK(offsets.all("g").empty());
}
