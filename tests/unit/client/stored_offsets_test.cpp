#include "client/stored_offsets.hpp"

#include "catch.hpp"

using namespace ottla;
using namespace ottla::client;

namespace {

std::string text_of(const std::vector<CommittedOffset>& rows) {
    std::string text;
    for (const auto& row : rows)
        text += row.topic + std::to_string(row.partition) + "=" + std::to_string(row.offset) + "/" + std::to_string(row.leader_epoch) + " ";
    return text;
}

} // namespace

TEST_CASE("what is stored is uncommitted until a commit says otherwise", "[group]") {
    StoredOffsets stored;
    const auto a = stored.begin({"t", 0});
    const auto b = stored.begin({"t", 1});
    CHECK(stored.uncommitted().empty());
    a->store(5, 1);
    b->store(7, 2);
    auto rows = stored.uncommitted();
    CHECK(text_of(rows) == "t0=5/1 t1=7/2 ");
    a->store(6, 1); // while the commit is under way
    rows[1].error = Error(Errc::topic_authorization_failed);
    stored.on_committed(rows);
    CHECK(text_of(stored.uncommitted()) == "t0=6/1 t1=7/2 ");
    stored.on_committed(stored.uncommitted());
    CHECK(stored.uncommitted().empty());
    b->store(3, 2); // back, after a seek
    CHECK(text_of(stored.uncommitted()) == "t1=3/2 ");
}

TEST_CASE("what a partition has stored ends with its assignment: another member may have come further", "[group]") {
    StoredOffsets stored;
    stored.begin({"t", 0})->store(5, 1);
    const auto rows = stored.uncommitted(); // a last commit, which fails
    stored.end({"t", 0});
    CHECK(stored.uncommitted().empty());
    stored.on_committed(rows);
    stored.begin({"t", 0});
    CHECK(stored.uncommitted().empty());
}

TEST_CASE("records handed out together are stored when they are let go, or when work is said to be over", "[group]") {
    StoredOffsets stored;
    const auto a = stored.begin({"t", 0});
    a->position = 10;
    auto lease = std::make_shared<char>();
    stored.lend(0, {{a, 4}}, lease);
    CHECK(stored.uncommitted().empty());
    SECTION("let go") { lease.reset(); }
    SECTION("said") { stored.finish(0); }
    SECTION("the next are handed out") {
        a->position = 20;
        stored.lend(0, {{a, 5}}, std::make_shared<char>());
        // Those are let go at once, so that both count.
        CHECK(text_of(stored.uncommitted()) == "t0=20/5 ");
        return;
    }
    a->position = 15; // handed out after it, not lent: not meant
    CHECK(text_of(stored.uncommitted()) == "t0=10/4 ");
}

TEST_CASE("readers lend apart from each other", "[group]") {
    StoredOffsets stored;
    const auto a = stored.begin({"t", 0});
    const auto b = stored.begin({"t", 1});
    a->position = 10;
    b->position = 20;
    auto first = std::make_shared<char>();
    auto second = std::make_shared<char>();
    stored.lend(0, {{a, 1}}, first);
    stored.lend(1, {{b, 1}}, second);
    CHECK(stored.uncommitted().empty());
    stored.finish(1);
    CHECK(text_of(stored.uncommitted()) == "t1=20/1 ");
    first.reset();
    CHECK(text_of(stored.uncommitted()) == "t0=10/1 t1=20/1 ");
}
