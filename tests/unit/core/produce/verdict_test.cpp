#include "core/produce/verdict.hpp"

#include "catch.hpp"

using namespace ottla;
using namespace ottla::core::produce;

TEST_CASE("what an error means for a batch") {
    struct Row {
        Errc error;
        Situation batch;
        Verdict verdict;
    };
    const Row rows[] = {
        {Errc::no_error, {}, Verdict::delivered},
        {Errc::duplicate_sequence_number, {.idempotent = true}, Verdict::delivered},
        {Errc::not_leader_for_partition, {}, Verdict::refresh_retry},
        {Errc::unknown_topic_or_part, {}, Verdict::refresh_retry},
        {Errc::leader_not_available, {}, Verdict::refresh_retry},
        {Errc::not_enough_replicas, {}, Verdict::retry},
        {Errc::not_enough_replicas_after_append, {}, Verdict::retry},
        {Errc::request_timed_out, {}, Verdict::retry},
        {Errc::msg_size_too_large, {}, Verdict::split},
        {Errc::record_list_too_large, {}, Verdict::split},
        {Errc::msg_size_too_large, {.idempotent = true}, Verdict::split},
        {Errc::msg_size_too_large, {.idempotent = true, .ambiguous = true}, Verdict::fail},
        {Errc::topic_authorization_failed, {}, Verdict::fail},
        {Errc::invalid_record, {}, Verdict::fail},
        {Errc::policy_violation, {}, Verdict::fail},
        {Errc::out_of_order_sequence_number, {.idempotent = true, .first = true}, Verdict::renumber},
        {Errc::out_of_order_sequence_number, {.idempotent = true, .ambiguous = true}, Verdict::renumber},
        {Errc::out_of_order_sequence_number, {.idempotent = true, .transactional = true}, Verdict::fail},
        {Errc::out_of_order_sequence_number, {.idempotent = true, .first = false}, Verdict::retry},
        {Errc::out_of_order_sequence_number, {.idempotent = false}, Verdict::fail},
        {Errc::unknown_producer_id, {.idempotent = true}, Verdict::renumber},
        {Errc::unknown_producer_id, {.idempotent = true, .ambiguous = true}, Verdict::fail},
        {Errc::unknown_producer_id, {.idempotent = true, .first = false}, Verdict::retry},
        {Errc::unknown_producer_id, {.idempotent = true, .transactional = true}, Verdict::fail},
        {Errc::invalid_producer_epoch, {.idempotent = true, .transactional = true}, Verdict::fail},
        {Errc::concurrent_transactions, {.idempotent = true, .transactional = true}, Verdict::retry},
        {Errc::invalid_producer_epoch, {.idempotent = true}, Verdict::fatal},
        {Errc::unknown_producer_id, {.idempotent = false}, Verdict::fail},
        {static_cast<Errc>(31999), {}, Verdict::fail},
    };
    for (const Row& row : rows) {
        CAPTURE(error_name(row.error), row.batch.idempotent, row.batch.first);
        CHECK(static_cast<int>(judge(row.error, row.batch)) == static_cast<int>(row.verdict));
    }
}

TEST_CASE("which errors leave open whether the batch is stored") {
    using enum Errc;
    constexpr int16_t latest = 13;
    // A leader that waited for its followers when it lost its place answers as one that never was leader (KIP-966 and before).
    for (const Errc error : {request_timed_out, not_enough_replicas_after_append, not_leader_for_partition, kafka_storage_error, unknown})
        CHECK(may_be_stored(error, -1, latest));
    for (const Errc error : {not_enough_replicas, unknown_topic_or_part, msg_size_too_large, topic_authorization_failed, invalid_record,
                             out_of_order_sequence_number, unknown_producer_id, invalid_producer_epoch})
        CHECK_FALSE(may_be_stored(error, -1, latest));
    // Without followers to wait for, it is told at once.
    CHECK_FALSE(may_be_stored(not_leader_for_partition, 1, latest));
    CHECK(may_be_stored(kafka_storage_error, 1, latest));
    // Brokers before Kafka 2.4 say this too when the replica moves away while they wait.
    CHECK(may_be_stored(unknown_topic_or_part, -1, 7));
    CHECK_FALSE(may_be_stored(unknown_topic_or_part, 1, 7));
    CHECK_FALSE(may_be_stored(unknown_topic_or_part, -1, 8));
}
