#include "mock/producer_state.hpp"

#include <limits>

#include "catch.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {
constexpr int64_t id = 5;

ProducerBatch batch(int32_t first, int32_t count, int16_t epoch = 0) {
    return {id, epoch, first, count - 1};
}
} // namespace

TEST_CASE("a new producer may begin with any sequence unless the table is strict") {
    ProducerTable table;
    CHECK(table.check(batch(0, 1)).errc() == Errc::no_error);
    CHECK(table.check(batch(7, 1)).errc() == Errc::no_error);
    CHECK(
        table.check(batch(7, 1), ProducerTable::FirstSequence::zero).errc() ==
        Errc::out_of_order_sequence_number
    );
}

TEST_CASE("a known producer must go on where it stopped") {
    ProducerTable table;
    table.note(batch(0, 3), 100, -1);

    struct Row {
        ProducerBatch next;
        Errc expected;
    };

    const Row rows[] = {
        {batch(3, 1), Errc::no_error},
        {batch(4, 1), Errc::out_of_order_sequence_number},
        {batch(2, 1), Errc::out_of_order_sequence_number},
        {batch(0, 2), Errc::out_of_order_sequence_number},
        {batch(0, 1, 1), Errc::no_error},
        {batch(3, 1, 1), Errc::out_of_order_sequence_number},
    };
    for (const Row& row : rows) {
        INFO(row.next.first_sequence << " epoch " << row.next.epoch);
        CHECK(table.check(row.next).errc() == row.expected);
    }
}

TEST_CASE("an older epoch is refused") {
    ProducerTable table;
    table.note(batch(0, 1, 4), 0, -1);
    CHECK(table.check(batch(1, 1, 3)).errc() == Errc::invalid_producer_epoch);
}

TEST_CASE("the last five batches are recognised with their offsets, older ones are not") {
    ProducerTable table;
    for (int32_t i = 0; i < 6; ++i)
        table.note(batch(i * 2, 2), 100 + i * 2, 50 + i);

    CHECK_FALSE(table.find_repeat(batch(0, 2)));
    for (int32_t i = 1; i < 6; ++i) {
        const auto original = table.find_repeat(batch(i * 2, 2));
        REQUIRE(original);
        CHECK(original->base_offset == 100 + i * 2);
        CHECK(original->timestamp_ms == 50 + i);
    }
    CHECK_FALSE(table.find_repeat(batch(10, 1)));
    CHECK_FALSE(table.find_repeat(batch(10, 2, 1)));
    CHECK(table.check(batch(0, 2)).errc() == Errc::out_of_order_sequence_number);
}

TEST_CASE("sequences wrap from the largest int32 to zero") {
    constexpr int32_t largest = std::numeric_limits<int32_t>::max();
    CHECK(batch(largest, 1).last_sequence() == largest);
    CHECK(batch(largest, 3).last_sequence() == 1);

    ProducerTable table;
    table.note(batch(largest - 1, 2), 0, -1);
    CHECK(table.check(batch(0, 1)).errc() == Errc::no_error);
    table.note(batch(0, 1), 2, -1);
    CHECK(table.check(batch(1, 1)).errc() == Errc::no_error);
}

TEST_CASE("producers do not disturb each other") {
    ProducerTable table;
    table.note(batch(0, 5), 0, -1);
    CHECK(table.check({id + 1, 0, 0, 0}).errc() == Errc::no_error);
    CHECK_FALSE(table.find_repeat({id + 1, 0, 0, 4}));
}

TEST_CASE("a marker with the producer's epoch changes no sequences, one with a later epoch starts anew") {
    ProducerTable table;
    table.note(batch(0, 3), 0, -1);
    table.note_marker(id, 0);
    CHECK(table.check(batch(3, 1)).errc() == Errc::no_error);
    CHECK(table.find_repeat(batch(0, 3)));

    table.note_marker(id, 1);
    CHECK(table.epoch(id) == 1);
    CHECK_FALSE(table.find_repeat(batch(0, 3)));
    CHECK(table.check(batch(3, 1)).errc() == Errc::invalid_producer_epoch);
    CHECK(table.check(batch(3, 1, 1)).errc() == Errc::out_of_order_sequence_number);
    CHECK(table.check(batch(0, 1, 1)).errc() == Errc::no_error);
}

TEST_CASE("a marker alone makes a producer known, which then begins with sequence 0") {
    ProducerTable table;
    table.note_marker(id, 0);
    CHECK(table.check(batch(4, 1)).errc() == Errc::out_of_order_sequence_number);
    CHECK(table.check(batch(0, 1)).errc() == Errc::no_error);
}

TEST_CASE("where an unknown producer may begin depends on the broker") {
    const ProducerTable table;
    using FirstSequence = ProducerTable::FirstSequence;
    CHECK(table.check(batch(4, 1), FirstSequence::any).errc() == Errc::no_error);
    CHECK(table.check(batch(4, 1), FirstSequence::zero).errc() == Errc::out_of_order_sequence_number);
    CHECK(table.check(batch(4, 1), FirstSequence::unknown_id).errc() == Errc::unknown_producer_id);
    CHECK(table.check(batch(0, 1), FirstSequence::unknown_id).errc() == Errc::no_error);
}

TEST_CASE("while the coordinator is asked no batch may overtake the lowest one") {
    ProducerTable table;
    table.note_verification(batch(5, 1));
    table.note_verification(batch(2, 1));
    table.note_verification(batch(7, 1));
    CHECK(table.check(batch(5, 1)).errc() == Errc::out_of_order_sequence_number);
    CHECK(table.check(batch(2, 1)).errc() == Errc::no_error);
    table.note_verification(batch(4, 1, 1)); // a later epoch begins anew
    table.note_verification(batch(1, 1));    // an earlier one is nothing
    CHECK(table.check(batch(4, 1, 1)).errc() == Errc::no_error);
    table.note(batch(4, 1, 1), 0, -1);
    CHECK(table.check(batch(5, 1, 1)).errc() == Errc::out_of_order_sequence_number);
    table.end_verification(id);
    CHECK(table.check(batch(5, 1, 1)).errc() == Errc::no_error);
    table.note_verification(batch(2, 1, 1));
    table.note_marker(id, 1);
    CHECK(table.check(batch(5, 1, 1)).errc() == Errc::no_error);
}
