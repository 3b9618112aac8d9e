// What is said to a broker in a fetch session, and what not (KIP-227).
#include "core/fetch/fetch_session.hpp"

#include <limits>

#include "catch.hpp"

using namespace ottla;
using namespace ottla::core;

namespace {

const Uuid id_a{{1}};
const Uuid id_b{{2}};

using Lines = std::vector<std::string>;

/// "session/epoch", then "topic-partition@offset" in order, then "-topic-partition" for what is forgotten.
Lines said(FetchSession& session) {
    msg::FetchRequest request;
    session.write(request);
    Lines lines{std::to_string(request.session_id) + "/" + std::to_string(request.session_epoch)};
    for (const auto& topic : request.topics)
        for (const auto& line : topic.partitions)
            lines.push_back(
                topic.topic + "-" + std::to_string(line.partition) + "@" + std::to_string(line.fetch_offset)
            );
    for (const auto& topic : request.forgotten_topics_data)
        for (const int32_t partition : topic.partitions)
            lines.push_back(
                "-" + topic.topic + "-" + std::to_string(partition) + (topic.topic_id == id_b ? " by its second id" : "")
            );
    return lines;
}

FetchLine line(StreamId stream, int64_t offset, uint64_t served = 0) {
    return {.stream = stream, .offset = offset, .max_bytes = 100, .served = served};
}

/// Reads a-0 and a-1 in session 7.
FetchSession begun(bool by_id = true) {
    FetchSession session;
    session.put({"a", 0}, id_a, line(1, 10));
    session.put({"a", 1}, id_a, line(2, 20));
    CHECK(said(session) == Lines{"0/0", "a-0@10", "a-1@20"});
    session.on_answer(7, by_id);
    return session;
}

} // namespace

TEST_CASE("once a session is there, only changes are said", "[fetch]") {
    FetchSession session = begun();
    CHECK(said(session) == Lines{"7/1"});
    session.on_answer(7, true);
    session.put({"a", 0}, id_a, line(1, 10)); // as it was
    session.put({"a", 1}, id_a, line(2, 25));
    session.put({"b", 3}, id_b, line(3, 30));
    CHECK(said(session) == Lines{"7/2", "a-1@25", "b-3@30"});
    session.on_answer(7, true);
    session.take_out(1);
    session.take_out(3);
    session.take_out(99);
    CHECK(said(session) == Lines{"7/3", "-a-0", "-b-3 by its second id"});
    session.on_answer(7, true);
    CHECK_FALSE(session.empty());
    session.take_out(2);
    CHECK(session.empty());
}

TEST_CASE("what goes and comes back between two requests was never away", "[fetch]") {
    FetchSession session = begun();
    session.answered(true, "", id_a, 0)->marks.high_watermark = 50;
    session.take_out(1);
    session.put({"a", 0}, id_a, line(4, 11)); // another stream of the same partition
    session.take_out(1);                      // and once more: the old one does not take the new one with it
    CHECK(said(session) == Lines{"7/1", "a-0@11"});
    session.on_answer(7, true);
    CHECK(session.answered(true, "", id_a, 0)->line.stream == 4);
    CHECK(session.answered(true, "", id_a, 0)->marks.high_watermark == 50); // which the broker will not repeat

    session.put({"a", 0}, id_a, line(1, 99)); // an older stream
    CHECK(session.answered(true, "", id_a, 0)->line.stream == 4);
    session.put({"c", 0}, id_b, line(5, 0));
    session.take_out(5);
    CHECK(said(session) == Lines{"7/2"}); // nobody has heard of it
}

TEST_CASE("those who were served last are asked for last", "[fetch]") {
    FetchSession session;
    session.put({"a", 0}, id_a, line(1, 10, 5));
    session.put({"a", 1}, id_a, line(2, 20, 4));
    session.put({"b", 0}, id_b, line(3, 30, 1));
    CHECK(said(session) == Lines{"0/0", "b-0@30", "a-1@20", "a-0@10"});
}

TEST_CASE("without a session everything is said each time", "[fetch]") {
    FetchSession session;
    session.put({"a", 0}, id_a, line(1, 10));
    session.put({"a", 1}, id_a, line(2, 20));
    for (int i = 0; i < 3; ++i) {
        CHECK(said(session) == Lines{"0/0", "a-0@10", "a-1@20"});
        session.on_answer(0, true);
    }
    session.take_out(1);
    CHECK(said(session) == Lines{"0/0", "a-1@20"});
}

TEST_CASE("a session that the broker ends, loses or refuses to go on with begins anew", "[fetch]") {
    struct Row {
        Errc error;
        bool of_session;
        std::string next;
    };

    for (const Row& row : {
             Row{Errc::no_error, true, "0/0"}, // answered, but with session 0
             Row{Errc::fetch_session_id_not_found, true, "0/0"},
             Row{Errc::invalid_fetch_session_epoch, true, "7/0"},
             Row{Errc::fetch_session_topic_id_error, true, "7/0"},
             Row{Errc::_transport, false, "7/0"},
         }) {
        INFO(error_name(row.error));
        FetchSession session = begun();
        session.answered(true, "", id_a, 0)->marks.high_watermark = 50;
        session.take_out(2);
        CHECK(said(session) == Lines{"7/1", "-a-1"});
        if (row.error == Errc::no_error)
            session.on_answer(0, true);
        else
            CHECK(session.on_error(row.error) == row.of_session);
        CHECK(said(session) == Lines{row.next, "a-0@10"});
        CHECK(session.answered(true, "", id_a, 0)->marks.high_watermark == -1);
    }
}

TEST_CASE("what was sent and goes unanswered has not changed for the broker", "[fetch]") {
    FetchSession session = begun();
    const auto unanswered = [&] {
        std::vector<StreamId> streams;
        session.each_unanswered([&](const FetchSession::Held& held) { streams.push_back(held.line.stream); });
        return streams;
    };
    CHECK(session.answered(true, "", id_a, 0)->line.stream == 1);
    CHECK(unanswered() == std::vector<StreamId>{2});
    CHECK(session.answered(true, "", id_a, 7) == nullptr);
    CHECK(session.answered(true, "", id_b, 0) == nullptr);
    CHECK(session.answered(false, "x", id_a, 0) == nullptr);
    CHECK(session.answered(false, "a", {}, 1)->line.stream == 2);
    CHECK(unanswered().empty());
    said(session);
    session.on_answer(7, true);
    CHECK(unanswered().empty()); // nothing was sent
}

TEST_CASE("a topic that was created again is another one to brokers that go by ids", "[fetch]") {
    FetchSession session = begun();
    session.put({"a", 0}, id_b, line(1, 0));
    session.put({"a", 1}, id_b, line(2, 0));
    CHECK(said(session) == Lines{"7/1", "a-0@0", "a-1@0", "-a-0", "-a-1"});
    session.on_answer(7, true);
    CHECK(session.answered(true, "", id_a, 0) == nullptr);
    CHECK(session.answered(true, "", id_b, 0)->line.stream == 1);
    session.take_out(1);
    CHECK(said(session) == Lines{"7/2", "-a-0 by its second id"});

    FetchSession named = begun(false);
    named.put({"a", 0}, id_b, line(1, 0));
    CHECK(said(named) == Lines{"7/1", "a-0@0", "a-1@20"}); // to others it is the same
}

TEST_CASE("a session goes by names or by ids", "[fetch]") {
    FetchSession session = begun();
    CHECK_FALSE(session.by_name());
    session.put({"old", 0}, {}, line(3, 30));
    CHECK(session.by_name());
    CHECK(said(session) == Lines{"7/0", "a-0@10", "a-1@20", "old-0@30"});
    session.on_answer(8, false);
    session.take_out(3);
    CHECK(session.by_name()); // until the broker has been told
    CHECK(said(session) == Lines{"8/1", "-old-0"});
    session.on_answer(8, false);
    CHECK_FALSE(session.by_name());
    CHECK(said(session) == Lines{"8/0", "a-0@10", "a-1@20"});
}
