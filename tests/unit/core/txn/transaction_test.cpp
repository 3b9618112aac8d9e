#include "catch.hpp"
#include "transaction_world.hpp"

using namespace ottla;
using namespace ottla::test;
using Lines = std::vector<std::string>;

TEST_CASE("version 1: partitions are added before anything is sent to them, and the end waits for every answer", "[txn]") {
    TransactionWorld world;
    CHECK(world.produce("early") == Errc::_state);
    world.make_ready();
    CHECK(world.produce("outside") == Errc::_state);
    world.begin();
    CHECK(world.produce("a", 0) == Errc::no_error);
    CHECK(world.produce("b", 1) == Errc::no_error);
    CHECK(world.idle());

    CHECK(world.answer_add_partitions() == "t: 0");
    CHECK(world.answer_add_partitions() == "t: 1");
    auto first = world.request();
    CHECK(first.request.transactional_id == "letters");
    CHECK(first.call.max_version == 11);
    CHECK(first.batches[0].header.is_transactional());
    CHECK(first.batches[0].header.producer_id == 42);
    auto second = world.request();
    world.commit();
    CHECK(world.produce("late") == Errc::_state);
    CHECK(world.caller.waiting<msg::EndTxnRequest>() == 0);
    world.answer(first);
    CHECK(world.caller.waiting<msg::EndTxnRequest>() == 0);
    world.answer(second);

    const auto end = world.answer_end();
    CHECK(end.committed);
    CHECK(end.producer_id == 42);
    CHECK(end.producer_epoch == 0);
    CHECK(world.take_ended() == Lines{"commit: done"});
    CHECK(world.transaction->state() == core::txn::Transaction::State::ready);

    world.begin(); // numbers go on
    world.produce("c", 0);
    CHECK(world.answer_add_partitions() == "t: 0");
    CHECK(world.request().text() == "t0: c seq 1");
}

TEST_CASE("version 2: partitions join by Produce, and each end gives the next epoch", "[txn]") {
    TransactionWorld world(2);
    world.make_ready(42, 7);
    world.begin();
    world.produce("a", 0);
    auto seen = world.request();
    CHECK(seen.call.min_version == 12);
    world.answer(seen);
    world.commit();
    CHECK(world.answer_end(Errc::no_error, 42, 8).committed);
    CHECK(world.take_ended() == Lines{"commit: done"});

    world.begin();
    world.produce("b", 0);
    auto next = world.request();
    CHECK(next.text() == "t0: b seq 0");
    CHECK(next.batches[0].header.producer_epoch == 8);
    CHECK(world.caller.waiting<msg::AddPartitionsToTxnRequest>() == 0);
}

TEST_CASE("a transaction of nothing ends without asking the coordinator", "[txn]") {
    const int16_t version = GENERATE(int16_t{1}, int16_t{2});
    TransactionWorld world(version);
    world.make_ready();
    world.begin();
    world.commit();
    CHECK(world.take_ended() == Lines{"commit: done"});
    world.begin();
    world.abort();
    CHECK(world.take_ended() == Lines{"abort: done"});
    CHECK(world.caller.waiting<msg::EndTxnRequest>() == 0);
}

TEST_CASE("commit sends what lingers, though its topic is not known yet", "[txn]") {
    auto config = transactional();
    config.linger_ms = 1000;
    TransactionWorld world(2, config);
    world.make_ready();
    world.leaders["u"] = {1};
    world.begin();
    world.produce("a", 0, "u");
    world.commit();
    world.answer_metadata();
    auto seen = world.request();
    world.answer(seen);
    world.answer_end(Errc::no_error, 42, 1);
    CHECK(world.take_ended() == Lines{"commit: done"});
}

TEST_CASE("abort drops what waits and what flies, ends after the last answer, and in version 1 raises the epoch itself", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    world.answer_add_partitions();
    auto flying = world.request();
    world.produce("b", 0);
    world.produce("c", 0);

    world.abort();
    CHECK(world.take_reports() == Lines{"t0 x1 _PURGE_INFLIGHT possibly", "t0 x2 _PURGE_QUEUE not"});
    CHECK(world.caller.waiting<msg::EndTxnRequest>() == 0);
    world.answer(flying);
    CHECK_FALSE(world.answer_end().committed);
    CHECK(world.take_ended().empty());
    const auto asked = world.answer_init(42, 1);
    CHECK(asked.producer_id == 42);
    CHECK(asked.producer_epoch == 0);
    CHECK(world.take_ended() == Lines{"abort: done"});

    world.begin();
    world.produce("d", 0);
    world.answer_add_partitions();
    auto next = world.request();
    CHECK(next.text() == "t0: d seq 0");
    CHECK(next.batches[0].header.producer_epoch == 1);
}

TEST_CASE("an abort after everything is acknowledged keeps the epoch", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    world.answer_add_partitions();
    auto seen = world.request();
    world.answer(seen);
    world.abort();
    world.answer_end();
    CHECK(world.take_ended() == Lines{"abort: done"});
}

TEST_CASE("a message that fails spoils the transaction: commit says so, abort ends it", "[txn]") {
    const int16_t version = GENERATE(int16_t{1}, int16_t{2});
    TransactionWorld world(version);
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    if (version == 1)
        world.answer_add_partitions();
    auto seen = world.request();
    const bool while_committing = GENERATE(true, false);
    if (while_committing)
        world.commit();
    world.answer(seen, Errc::invalid_record);
    if (while_committing)
        CHECK(world.take_ended() == Lines{"commit: INVALID_RECORD abort"});
    CHECK(world.produce("more") == Errc::_state);
    world.commit();
    CHECK(world.take_ended() == Lines{"commit: INVALID_RECORD abort"});
    CHECK(world.transaction->begin().errc() == Errc::_state);

    world.abort();
    CHECK_FALSE(world.answer_end(Errc::no_error, version == 2 ? 42 : -1, version == 2 ? int16_t{1} : int16_t{-1}).committed);
    if (version == 1)
        world.answer_init(42, 1);
    CHECK(world.take_ended() == Lines{"abort: done"});
    world.begin();
    world.produce("b", 0);
    if (version == 1)
        world.answer_add_partitions();
    CHECK(world.request().text() == "t0: b seq 0");
}

TEST_CASE("CONCURRENT_TRANSACTIONS and moving coordinators are waited for", "[txn]") {
    TransactionWorld world;
    world.transaction->init(world.note("init"));
    world.run();
    world.answer_init(-1, -1, Errc::concurrent_transactions);
    CHECK(world.caller.waiting<msg::InitProducerIdRequest>() == 0);
    world.advance(20ms);
    world.answer_init(42, 0);
    CHECK(world.take_ended() == Lines{"init: done"});
    world.metadata.want("t");
    world.run();
    world.answer_metadata();
    world.begin();
    world.produce("a", 0);
    world.answer_add_partitions(Errc::concurrent_transactions);
    world.advance(20ms);
    world.answer_add_partitions();
    auto seen = world.request();
    world.answer(seen);
    world.commit();
    world.answer_end(Errc::concurrent_transactions);
    world.advance(20ms);
    world.answer_end(Errc::coordinator_load_in_progress);
    world.advance(200ms);
    world.answer_end();
    CHECK(world.take_ended() == Lines{"commit: done"});
}

TEST_CASE("a request that went unanswered must not reach the next transaction: a new epoch comes between", "[txn]") {
    const bool old_broker = GENERATE(false, true); // before Kafka 2.5 there is no way
    TransactionWorld world;
    if (old_broker)
        world.caller.limits[msg::ApiKey::init_producer_id] = 2;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    world.answer_add_partitions();
    auto seen = world.request();
    world.answer(seen);
    world.commit();
    auto asked = world.caller.take<msg::EndTxnRequest>();
    REQUIRE(asked);
    SECTION("the router has tried it before") {
        world.caller.answer(asked->second, msg::EndTxnResponse(), world.now, true);
        world.run();
    }
    SECTION("it failed, and is made again") {
        asked->second.deliver(core::CallError(Error(Errc::_transport, "gone"), true), world.now, false);
        world.run();
        world.advance(1s);
        world.answer_end();
    }
    if (old_broker) {
        CHECK(world.take_ended() == Lines{"commit: done"});
        CHECK(world.caller.waiting<msg::InitProducerIdRequest>() == 0);
        return;
    }
    CHECK(world.take_ended().empty());
    const auto bump = world.answer_init(42, 1);
    CHECK(bump.producer_id == 42);
    CHECK(bump.producer_epoch == 0);
    CHECK(world.take_ended() == Lines{"commit: done"});
    world.begin();
    world.produce("b", 0);
    world.answer_add_partitions();
    CHECK(world.request().batches[0].header.producer_epoch == 1);
}

TEST_CASE("lost answers of the coordinator are asked for again", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    auto lost = world.caller.take<msg::AddPartitionsToTxnRequest>();
    REQUIRE(lost);
    lost->second.deliver(core::CallError(Error(Errc::_transport, "gone"), true), world.now, false);
    world.run();
    world.advance(200ms);
    CHECK(world.idle());
    SECTION("then it goes on") {
        world.answer_add_partitions();
        CHECK_FALSE(world.idle());
    }
    SECTION("an abort tells the coordinator, who may know the partition") {
        world.abort();
        auto again = world.caller.take<msg::AddPartitionsToTxnRequest>();
        if (again)
            again->second.deliver(core::CallError(Error(Errc::_transport, "gone"), true), world.now, false);
        world.run();
        CHECK_FALSE(world.answer_end().committed);
        world.answer_init(42, 1); // lest a lost request reach the next transaction
        CHECK(world.take_ended() == Lines{"abort: done"});
    }
}

TEST_CASE("a newer producer of the id fences this one: fatal, told once and kept", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    SECTION("by AddPartitionsToTxn") { world.answer_add_partitions(Errc::invalid_producer_epoch); }
    SECTION("by Produce") {
        world.answer_add_partitions();
        auto seen = world.request();
        world.answer(seen, Errc::producer_fenced);
    }
    SECTION("by EndTxn") {
        world.answer_add_partitions();
        auto seen = world.request();
        world.answer(seen);
        world.commit();
        world.answer_end(Errc::producer_fenced);
        CHECK(world.take_ended() == Lines{"commit: _FENCED fatal"});
    }
    CHECK(world.fatal == Lines{"_FENCED"});
    CHECK(world.produce("b") == Errc::_fatal);
    world.commit();
    world.abort();
    CHECK(world.take_ended() == Lines{"commit: _FENCED fatal", "abort: _FENCED fatal"});
    CHECK(world.transaction->begin().errc() == Errc::_fenced);
    CHECK(world.accumulator.outstanding() == 0);
}

TEST_CASE("errors of InitProducerId that no waiting helps are fatal", "[txn]") {
    const auto error = GENERATE(
        Errc::invalid_transaction_timeout, Errc::transactional_id_authorization_failed, Errc::cluster_authorization_failed);
    TransactionWorld world;
    world.transaction->init(world.note("init"));
    world.run();
    world.answer_init(-1, -1, error);
    CHECK(world.take_ended() == Lines{"init: " + error_name(error) + " fatal"});
    world.transaction->init(world.note("again"));
    CHECK(world.take_ended() == Lines{"again: " + error_name(error) + " fatal"});
}

TEST_CASE("calls out of turn", "[txn]") {
    using State = core::txn::Transaction::State;
    TransactionWorld world;
    CHECK(world.transaction->begin().errc() == Errc::_state);
    world.commit();
    world.abort();
    world.transaction->send_offsets({.rows = {{"t", 0, 5}}, .group_id = "g"}, world.note("offsets"));
    CHECK(world.take_ended() == Lines{"commit: _STATE", "abort: _STATE", "offsets: _STATE"});

    world.transaction->init(world.note("init"));
    world.transaction->init(world.note("second"));
    world.commit();
    CHECK(world.take_ended() == Lines{"second: _PREV_IN_PROGRESS retriable", "commit: _CONFLICT"});
    CHECK(world.transaction->begin().errc() == Errc::_conflict);

    CHECK(world.transaction->detach()); // it goes on
    world.run();
    world.answer_init(42, 0);
    CHECK(world.take_ended().empty());
    CHECK(world.transaction->state() == State::ready);
    world.transaction->init(world.note("came back"));
    CHECK(world.take_ended() == Lines{"came back: done"});
    world.transaction->init(world.note("once more"));
    CHECK(world.take_ended() == Lines{"once more: _STATE"});

    world.begin();
    CHECK(world.transaction->begin().errc() == Errc::_state);
    world.produce("a", 0);
    world.metadata.want("t");
    world.run();
    world.answer_metadata();
    world.answer_add_partitions();
    world.commit();
    world.transaction->detach();
    world.abort();
    CHECK(world.take_ended() == Lines{"abort: _CONFLICT"});
    world.commit(); // waits for the one that is under way
    auto seen = world.request();
    world.answer(seen);
    world.answer_end();
    CHECK(world.take_ended() == Lines{"commit: done"});
}

TEST_CASE("version 1: a group joins the transaction, then its offsets are sent", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.transaction->send_offsets(
        {.rows = {{"in", 0, 5, 3}, {"in", 1, offset_invalid}, {"in", 2, 9}}, .group_id = "g", .generation_id = 4, .member_id = "m"},
        world.note("offsets"));
    world.run();
    const auto joined = world.answer<msg::AddOffsetsToTxnRequest>([](const auto&, auto&) {});
    CHECK(joined.group_id == "g");
    const auto ok = [](const auto& request, auto& response) {
        for (const auto& topic : request.topics) {
            auto& out = response.topics.emplace_back();
            out.name = topic.name;
            for (const auto& partition : topic.partitions)
                out.partitions.emplace_back().partition_index = partition.partition_index;
        }
    };
    const auto sent = world.answer<msg::TxnOffsetCommitRequest>(ok);
    CHECK(sent.generation_id == 4);
    CHECK(sent.member_id == "m");
    REQUIRE(sent.topics.size() == 1);
    REQUIRE(sent.topics[0].partitions.size() == 2);
    CHECK(sent.topics[0].partitions[0].committed_offset == 5);
    CHECK(sent.topics[0].partitions[0].committed_leader_epoch == 3);
    CHECK(world.take_ended() == Lines{"offsets: done"});

    world.transaction->send_offsets({.rows = {{"in", 0, 6}}, .group_id = "g"}, world.note("offsets")); // it has joined
    world.run();
    world.answer<msg::TxnOffsetCommitRequest>(ok);
    CHECK(world.take_ended() == Lines{"offsets: done"});
    world.commit();
    CHECK(world.answer_end().committed);
    CHECK(world.take_ended() == Lines{"commit: done"});
}

TEST_CASE("version 2: offsets join by being sent; what is nothing is done at once", "[txn]") {
    TransactionWorld world(2);
    world.make_ready();
    world.begin();
    world.transaction->send_offsets({.rows = {{"in", 0, offset_stored}}, .group_id = "g"}, world.note("nothing"));
    CHECK(world.take_ended() == Lines{"nothing: done"});
    world.transaction->send_offsets({.rows = {{"in", 0, 5}}, .group_id = "g"}, world.note("offsets"));
    world.run();
    CHECK(world.caller.waiting<msg::AddOffsetsToTxnRequest>() == 0);
    world.answer<msg::TxnOffsetCommitRequest>([](const auto&, auto& response) {
        auto& out = response.topics.emplace_back();
        out.name = "in";
        out.partitions.emplace_back().error_code = static_cast<int16_t>(Errc::illegal_generation);
    });
    CHECK(world.take_ended() == Lines{"offsets: ILLEGAL_GENERATION abort"});
    world.abort();
    CHECK_FALSE(world.answer_end(Errc::no_error, 42, 1).committed);
    CHECK(world.take_ended() == Lines{"abort: done"});
}

TEST_CASE("an abandoned send_offsets does not stand in the way of the next", "[txn]") {
    TransactionWorld world(2);
    world.make_ready();
    world.begin();
    world.transaction->send_offsets({.rows = {{"in", 0, 5}}, .group_id = "g"}, world.note("first"));
    world.run();
    CHECK(world.transaction->detach());
    world.transaction->send_offsets({.rows = {{"in", 0, 6}}, .group_id = "g"}, world.note("second"));
    world.run();
    CHECK(world.caller.waiting<msg::TxnOffsetCommitRequest>() == 1);
    const auto sent = world.answer<msg::TxnOffsetCommitRequest>([](const auto&, auto& response) {
        auto& out = response.topics.emplace_back();
        out.name = "in";
        out.partitions.emplace_back();
    });
    CHECK(sent.topics[0].partitions[0].committed_offset == 6);
    CHECK(world.take_ended() == Lines{"second: done"});
}

TEST_CASE("a producer id that the coordinator has forgotten is replaced without EndTxn", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    world.answer_add_partitions(Errc::invalid_producer_id_mapping);
    world.commit();
    CHECK(world.take_ended() == Lines{"commit: INVALID_PRODUCER_ID_MAPPING abort"});
    world.abort();
    CHECK(world.caller.waiting<msg::EndTxnRequest>() == 0);
    world.answer_init(77, 0);
    CHECK(world.take_ended() == Lines{"abort: done"});
}

TEST_CASE("when the cluster finalises version 2 the next transaction begins with an identity of its own", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    world.answer_add_partitions();
    auto seen = world.request();
    world.answer(seen);
    world.finalised = 2;
    world.commit();
    world.answer_end();
    CHECK(world.take_ended().empty());
    world.answer_init(42, 1);
    CHECK(world.take_ended() == Lines{"commit: done"});
    world.begin();
    world.produce("b", 0);
    auto next = world.request();
    CHECK(next.call.min_version == 12);
    CHECK(next.batches[0].header.producer_epoch == 1);
}

TEST_CASE("messages that time out for want of their topic's metadata spoil the transaction", "[txn]") {
    TransactionWorld world(2);
    world.make_ready();
    world.begin();
    world.produce("a", 0, "unheard-of");
    world.commit();
    world.advance(11s);
    world.answer_metadata();
    world.advance(1s);
    CHECK(world.take_ended() == Lines{"commit: _MSG_TIMED_OUT abort"});
    CHECK(world.take_reports().size() == 1);
}

TEST_CASE("an abort of what never began at the coordinator raises the epoch, lest a late request begin it", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.produce("a", 0);
    auto lost = world.caller.take<msg::AddPartitionsToTxnRequest>();
    REQUIRE(lost);
    world.abort();
    lost->second.deliver(core::CallError(Error(Errc::_transport, "gone"), true), world.now, false);
    world.run();
    CHECK_FALSE(world.answer_end(Errc::invalid_txn_state).committed);
    CHECK(world.answer_init(42, 1).producer_epoch == 0);
    CHECK(world.take_ended() == Lines{"abort: done"});
}

TEST_CASE("an error of one partition spares the others, but not the transaction", "[txn]") {
    TransactionWorld world;
    world.make_ready();
    world.begin();
    world.accumulator.append({.topic = "t", .key = {}, .value = "a", .headers = {}, .timestamp_ms = 1, .partition = 0, .token = {}});
    world.accumulator.append({.topic = "t", .key = {}, .value = "b", .headers = {}, .timestamp_ms = 1, .partition = 1, .token = {}});
    world.run();
    CHECK(world.answer_add_partitions(Errc::topic_authorization_failed, Errc::operation_not_attempted) == "t: 0 1");
    world.commit();
    CHECK(world.take_ended() == Lines{"commit: TOPIC_AUTHORIZATION_FAILED abort"});
    world.abort();
    CHECK(world.take_ended() == Lines{"abort: done"}); // nothing had begun
    CHECK(world.take_reports().size() == 2);
}
