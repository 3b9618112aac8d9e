#include "mock/partition_log.hpp"

#include <cstring>

#include "base/endian.hpp"
#include "catch.hpp"
#include "record/batch_header.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

NewBatch batch(size_t size, int32_t records = 1, int64_t max_timestamp = 0) {
    Buffer bytes = Buffer::allocate(size);
    std::memset(bytes.mutable_data(), 0x5a, size);
    return {bytes, records - 1, max_timestamp};
}

std::string read(const PartitionLog& log, int64_t offset, size_t max, PartitionLog::FirstBatch first) {
    std::vector<Buffer> pieces;
    const size_t size = log.read(offset, max, first, pieces);
    std::string all;
    for (const Buffer& piece : pieces)
        all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    CHECK(all.size() == size);
    return all;
}

constexpr auto always = PartitionLog::FirstBatch::always;
constexpr auto within_limit = PartitionLog::FirstBatch::within_limit;

} // namespace

TEST_CASE("appended batches get consecutive offsets and carry them with the leader epoch") {
    for (const size_t size : {size_t{100}, size_t{10000}}) {
        PartitionLog log;
        const NewBatch received = batch(size, 3);
        CHECK(log.append(received, 7) == 0);
        CHECK(log.append(received, 8) == 3);
        CHECK(log.end_offset() == 6);
        CHECK(log.size_bytes() == 2 * size);

        const std::string second = read(log, 3, size, within_limit);
        REQUIRE(second.size() == size);
        const auto* bytes = reinterpret_cast<const uint8_t*>(second.data());
        CHECK(load_be<int64_t>(bytes) == 3);
        CHECK(load_be<int32_t>(bytes + record::at::leader_epoch) == 8);
        CHECK(bytes[record::at::magic] == 0x5a);
        CHECK(received.bytes.data()[0] == 0x5a);
    }
}

TEST_CASE("raw bytes are kept as they are, at offsets of their own") {
    PartitionLog log;
    log.append(batch(100, 2), 0);
    CHECK(log.append_raw(Buffer::copy_of("nonsense"), 3, 0) == 2);
    CHECK(log.append(batch(100), 0) == 5);
    CHECK(log.end_offset() == 6);
    CHECK(read(log, 4, 8, within_limit) == "nonsense");
    CHECK(read(log, 2, 1000, within_limit).size() == 108);
    CHECK(read(log, 5, 1000, within_limit).size() == 100);
    log.truncate(2);
    CHECK(log.end_offset() == 2);
    CHECK(log.size_bytes() == 100);
}

TEST_CASE("a read begins with the batch that holds the offset") {
    PartitionLog log;
    log.append(batch(100, 10), 0);
    log.append(batch(200, 10), 0);
    CHECK(read(log, 0, 1000, within_limit).size() == 300);
    CHECK(read(log, 9, 1000, within_limit).size() == 300);
    CHECK(read(log, 10, 1000, within_limit).size() == 200);
    CHECK(read(log, 20, 1000, always).empty());
}

TEST_CASE("a read cuts the last batch, but never the first") {
    PartitionLog log;
    log.append(batch(100), 0);
    log.append(batch(100), 0);
    CHECK(read(log, 0, 150, within_limit).size() == 150);
    CHECK(read(log, 0, 99, within_limit).empty());
    CHECK(read(log, 0, 99, always).size() == 100);
    CHECK(read(log, 0, 0, always).size() == 100);
}

TEST_CASE("what is available is counted as far as is needed") {
    PartitionLog log;
    for (int i = 0; i < 10; ++i)
        log.append(batch(100), 0);
    CHECK(log.available(0, 10000) == 1000);
    CHECK(log.available(0, 250) == 300);
    CHECK(log.available(9, 10000) == 100);
    CHECK(log.available(10, 10000) == 0);
}

TEST_CASE("retention drops the oldest batches and keeps the newest") {
    PartitionLog log(250);
    for (int i = 0; i < 4; ++i)
        log.append(batch(100, 2), 0);
    CHECK(log.start_offset() == 4);
    CHECK(log.end_offset() == 8);
    CHECK(log.size_bytes() == 200);
    log.append(batch(1000), 0);
    CHECK(log.start_offset() == 8);
    CHECK(log.size_bytes() == 1000);
}

TEST_CASE("an epoch ends where the next one begins") {
    PartitionLog log;
    log.begin_epoch(0);
    log.append(batch(100, 5), 0);
    log.begin_epoch(3);
    log.append(batch(100, 5), 3);

    CHECK(log.end_of_epoch(-1).epoch == -1);
    CHECK(log.end_of_epoch(0).end_offset == 5);
    CHECK(log.end_of_epoch(2).epoch == 0);
    CHECK(log.end_of_epoch(3).end_offset == 10);
    CHECK(log.end_of_epoch(9).epoch == 3);
    CHECK(log.epoch_at(4) == 0);
    CHECK(log.epoch_at(5) == 3);
}

namespace {

NewBatch of_producer(int64_t producer_id, BatchRole role, size_t size = 100) {
    NewBatch made = batch(size);
    made.role = role;
    made.producer_id = producer_id;
    return made;
}

std::vector<int64_t> aborted_producers(const PartitionLog& log, int64_t offset, size_t size) {
    std::vector<int64_t> ids;
    for (const AbortedTransaction& transaction : log.aborted_in(offset, size))
        ids.push_back(transaction.producer_id);
    return ids;
}

} // namespace

TEST_CASE("the last stable offset is where the oldest open transaction begins") {
    PartitionLog log;
    log.append(batch(100), 0);
    CHECK(log.last_stable_offset() == 1);
    log.append(of_producer(7, BatchRole::transactional), 0);
    log.append(of_producer(8, BatchRole::transactional), 0);
    log.append(of_producer(7, BatchRole::transactional), 0);
    CHECK(log.last_stable_offset() == 1);
    log.append(of_producer(7, BatchRole::commit_marker), 0);
    CHECK(log.last_stable_offset() == 2);
    log.append(of_producer(8, BatchRole::abort_marker), 0);
    CHECK(log.last_stable_offset() == 6);
    log.append(of_producer(9, BatchRole::abort_marker), 0); // of no transaction here
    CHECK(log.last_stable_offset() == 7);
    CHECK(log.transactions().aborted(0, 100).size() == 1);
}

TEST_CASE("a reader of committed records gets whole batches up to the last stable offset") {
    PartitionLog log;
    log.append(batch(100), 0);
    log.append(of_producer(7, BatchRole::transactional), 0);
    std::vector<Buffer> pieces;
    CHECK(log.read(0, 1000, always, pieces, ReadLevel::committed) == 100);
    CHECK(log.read(1, 1000, always, pieces, ReadLevel::committed) == 0);
    CHECK(log.read(1, 1000, always, pieces, ReadLevel::uncommitted) == 100);
    CHECK(log.bytes_between(0, log.last_stable_offset()) == 100);
}

TEST_CASE("aborted transactions are told when they overlap what is read, or begin within 4 KiB after it") {
    PartitionLog log;
    for (const int64_t id : {1, 2, 3}) {
        log.append(of_producer(id, BatchRole::transactional), 0);
        log.append(of_producer(id, BatchRole::abort_marker), 0);
        log.append(batch(5000), 0);
    }
    CHECK(aborted_producers(log, 0, 100) == std::vector<int64_t>{1});
    CHECK(aborted_producers(log, 0, 5100) == std::vector<int64_t>{1, 2});
    CHECK(aborted_producers(log, 1, 200) == std::vector<int64_t>{1});
    CHECK(aborted_producers(log, 2, 5000) == std::vector<int64_t>{2});
    CHECK(aborted_producers(log, 0, 20000) == std::vector<int64_t>{1, 2, 3});
}

TEST_CASE("a log that loses its end knows its transactions from what is left") {
    PartitionLog log;
    log.append(of_producer(7, BatchRole::transactional), 0);
    log.append(of_producer(8, BatchRole::transactional), 0);
    log.append(of_producer(7, BatchRole::abort_marker), 0);
    log.truncate(2);
    CHECK(log.last_stable_offset() == 0);
    CHECK(log.transactions().open_count() == 2);
    CHECK(log.transactions().aborted(0, 100).empty());
    log.truncate(1);
    CHECK(log.transactions().is_open(7));
    CHECK_FALSE(log.transactions().is_open(8));
}

TEST_CASE("retention forgets aborted transactions, and open ones hold nothing back") {
    PartitionLog log(250);
    log.append(of_producer(7, BatchRole::transactional), 0);
    log.append(of_producer(7, BatchRole::abort_marker), 0);
    log.append(of_producer(8, BatchRole::transactional), 0);
    log.append(batch(100), 0);
    CHECK(log.start_offset() == 2);
    CHECK(log.transactions().aborted(0, 100).empty());
    log.append(batch(100), 0);
    log.append(batch(100), 0);
    CHECK(log.start_offset() == 4);
    CHECK(log.last_stable_offset() == 4);
}
