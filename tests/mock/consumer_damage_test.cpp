// Batches that cannot be read, as a damaged log or a broker gone wrong would send them: the partition's error, at its place,
// while all else goes on; and how reading goes on.
#include <algorithm>
#include <functional>

#include "base/crc32c.hpp"
#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

using Values = std::vector<std::string>;

constexpr int16_t fetch = 1;

std::vector<uint8_t> three_records(record::BuildOptions options = {}, const std::string& value = "bad") {
    std::vector<record::BuildRecord> records;
    for (int i = 0; i < 3; ++i)
        records.push_back({.offset = options.base_offset + i, .timestamp_ms = 1000, .key = "key", .value = value});
    const Buffer batch = record::build_batch(options, records).value();
    return {batch.data(), batch.data() + batch.size()};
}

void put_right_crc(std::vector<uint8_t>& batch) {
    store_be(batch.data() + record::at::crc, crc32c(0, batch.data() + record::at::attributes, batch.size() - record::at::attributes));
}

/// Offsets 0 and 1 of partition 0 are good, 2 to 4 are damaged, 5 and 6 are good again. Partition 1 is empty.
struct DamagedWorld : ConsumerWorld {
    DamagedWorld() { REQUIRE_FALSE(cluster.create_topic("t", 2)); }

    void damage(const std::vector<uint8_t>& bytes) {
        fill("t", 0, 2, "before");
        REQUIRE_FALSE(cluster.append_raw("t", 0, {bytes.data(), bytes.size()}, 3));
        fill("t", 0, 2, "after");
    }

    /// Three records of which one has a wrong bit, so that the checksum is wrong.
    void damage_a_bit() {
        auto bytes = three_records({.base_offset = 2});
        bytes.back() ^= 1;
        damage(bytes);
    }

    Config reader(std::initializer_list<std::pair<const std::string, std::string>> more = {}) const {
        Config all = config({{"fetch.error.backoff.ms", "20"}, {"fetch.wait.max.ms", "20"}});
        for (const auto& [name, value] : more)
            all.set(name, value);
        return all;
    }
};

/// What comes of each partition: values, and errors as "NAME offset".
class Seen {
public:
    explicit Seen(Consumer& consumer)
        : consumer_(consumer) {
        consumer.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "t", .partition = 1, .offset = 0}});
    }

    /// Reads until partition `of` has brought `value`; false when it does not come.
    bool until(int32_t of, const std::string& value) {
        const auto deadline = Clock::now() + 10s;
        while (Clock::now() < deadline) {
            auto& values = of_[static_cast<size_t>(of)];
            if (std::find(values.begin(), values.end(), value) != values.end())
                return true;
            step();
        }
        return false;
    }

    /// Since the last call.
    Values take(int32_t of) { return std::exchange(of_.at(static_cast<size_t>(of)), {}); }

    std::string text; ///< of the last error

private:
    void step() {
        consumer_.poll_records(records_, 100ms);
        for (const auto& batch : records_.batches())
            for (const auto& record : batch)
                of_.at(static_cast<size_t>(batch.partition())).emplace_back(record.value().text());
        for (const Message& event : records_.events()) {
            CHECK(event.topic() == "t");
            of_.at(static_cast<size_t>(event.partition())).push_back(error_name(event.error().errc()) + " " + std::to_string(event.offset()));
            text = event.error().message();
        }
    }

    Consumer& consumer_;
    Records records_;
    std::vector<Values> of_{2};
};

struct Damage {
    const char* what;
    std::function<void(std::vector<uint8_t>&)> inflict;
    const char* error;
};

/// Each of them in the header, where the next fetch is planned by it, or in what only reading finds.
const std::vector<Damage>& damages() {
    using Batch = std::vector<uint8_t>;
    static const std::vector<Damage> all{
        {"a length below zero", [](Batch& b) { store_be<int32_t>(b.data() + record::at::batch_length, -5); }, "_BAD_MSG 2"},
        {"a length without room for a header", [](Batch& b) { store_be<int32_t>(b.data() + record::at::batch_length, 20); }, "_BAD_MSG 2"},
        {"a length beyond all there is", [](Batch& b) { store_be<int32_t>(b.data() + record::at::batch_length, INT32_MAX); }, "MSG_SIZE_TOO_LARGE 2"},
        {"an unknown version", [](Batch& b) { b[record::at::magic] = 3; }, "_BAD_MSG 2"},
        {"fewer records than none", [](Batch& b) { store_be<int32_t>(b.data() + record::at::record_count, -1); }, "_BAD_MSG 2"},
        {"an end before its beginning", [](Batch& b) { store_be<int32_t>(b.data() + record::at::last_offset_delta, -1); }, "_BAD_MSG 2"},
        {"a base offset below zero", [](Batch& b) { store_be<int64_t>(b.data(), -2); }, "_BAD_MSG 2"},
        {"a changed record", [](Batch& b) { b.back() ^= 1; }, "_BAD_MSG 2"},
        {"a changed attribute", [](Batch& b) { b[record::at::attributes + 1] ^= record::control_bit; }, "_BAD_MSG 2"},
        {"more records than fit",
         [](Batch& b) {
             store_be<int32_t>(b.data() + record::at::record_count, INT32_MAX);
             put_right_crc(b);
         },
         "_BAD_MSG 2"},
        {"a record that is longer than its batch",
         [](Batch& b) {
             b[record::batch_header_size] = 0x7e;
             put_right_crc(b);
         },
         "_BAD_MSG 2"},
        {"a codec that nobody knows",
         [](Batch& b) {
             b[record::at::attributes + 1] = 5;
             put_right_crc(b);
         },
         "_BAD_COMPRESSION 2"},
        {"another codec than the bytes'",
         [](Batch& b) {
             b[record::at::attributes + 1] = static_cast<uint8_t>(Compression::zstd);
             put_right_crc(b);
         },
         "_BAD_COMPRESSION 2"},
    };
    return all;
}

} // namespace

TEST_CASE("what cannot be read is its partition's error, others go on, and so does reading behind it", "[mock][consumer]") {
    for (const Damage& damage : damages()) {
        INFO(damage.what);
        DamagedWorld world;
        auto bytes = three_records({.base_offset = 2});
        damage.inflict(bytes);
        world.damage(bytes);
        Consumer consumer(world.reader());
        Seen seen(consumer);
        REQUIRE(seen.until(0, damage.error));
        CHECK(seen.take(0) == Values{"before0", "before1", damage.error});
        CHECK(consumer.position({{"t", 0}}).at(0).offset == 2);
        world.fill("t", 1, 1, "other");
        REQUIRE(seen.until(1, "other0"));
        REQUIRE(seen.until(0, damage.error)); // it is tried again, for it may have been the way here
        for (const std::string& more : seen.take(0))
            CHECK(more == damage.error);
        consumer.seek({.topic = "t", .partition = 0, .offset = 5});
        REQUIRE(seen.until(0, "after1"));
        CHECK(seen.take(0) == Values{"after0", "after1"});
        CHECK(seen.take(1) == Values{"other0"});
    }
}

TEST_CASE("single messages and streams meet a damaged batch in the same way", "[mock][consumer]") {
    DamagedWorld world;
    world.damage_a_bit();
    Consumer consumer(world.reader());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(values_of(consumer, 4) == Values{"before0", "before1", "_BAD_MSG 2", "_BAD_MSG 2"});
    consumer.seek({.topic = "t", .partition = 0, .offset = 5});
    CHECK(values_of(consumer, 2) == Values{"after0", "after1"});

    consumer.seek({.topic = "t", .partition = 0, .offset = 1});
    PartitionStream stream = consumer.stream({"t", 0});
    Values values;
    Records records;
    for (bool past = false; values.size() < 4 && stream.poll_records(records, 10s);) {
        for (const auto& batch : records.batches())
            for (const auto& record : batch)
                values.emplace_back(record.value().text());
        for (const Message& event : records.events())
            values.push_back(error_name(event.error().errc()) + " " + std::to_string(event.offset()));
        if (!records.events().empty() && !std::exchange(past, true))
            consumer.seek({.topic = "t", .partition = 0, .offset = 5});
    }
    CHECK(values == Values{"before1", "_BAD_MSG 2", "after0", "after1"});
}

TEST_CASE("the error tells where what follows the batch begins", "[mock][consumer]") {
    DamagedWorld world;
    world.damage_a_bit();
    Consumer consumer(world.reader());
    Seen seen(consumer);
    REQUIRE(seen.until(0, "_BAD_MSG 2"));
    CHECK(seen.text == "t[0]: batch at offset 2: its checksum is wrong; what follows it begins at offset 5");
}

TEST_CASE("with check.crcs=false records are as they came", "[mock][consumer]") {
    DamagedWorld world;
    auto bytes = three_records({.base_offset = 2});
    bytes[bytes.size() - 2] = '?'; // the last letter of the last value; no headers follow
    world.damage(bytes);
    Consumer consumer(world.reader({{"check.crcs", "false"}}));
    Seen seen(consumer);
    REQUIRE(seen.until(0, "after1"));
    CHECK(seen.take(0) == Values{"before0", "before1", "bad", "bad", "ba?", "after0", "after1"});
}

TEST_CASE("a few bytes that unpack to very many are an error of their partition", "[mock][consumer]") {
    for (const auto codec : {Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
        INFO("codec " << static_cast<int>(codec));
        DamagedWorld world;
        world.damage(three_records({.base_offset = 2, .compression = codec}, std::string(2'000'000, '\0')));
        Consumer consumer(world.reader({{"ottla.memory.budget", "2000000"}}));
        Seen seen(consumer);
        REQUIRE(seen.until(0, "_BAD_COMPRESSION 2"));
        world.fill("t", 1, 1, "other");
        REQUIRE(seen.until(1, "other0"));
        consumer.seek({.topic = "t", .partition = 0, .offset = 5});
        REQUIRE(seen.until(0, "after1"));
    }
}

TEST_CASE("a batch that ends before what was asked makes reading neither go back nor round", "[mock][consumer]") {
    DamagedWorld world;
    world.fill("t", 0, 3, "before");
    const auto old = three_records({.base_offset = 0}); // says so where offsets 3 to 5 are
    REQUIRE_FALSE(world.cluster.append_raw("t", 0, {old.data(), old.size()}, 3));
    Consumer consumer(world.reader({{"fetch.error.backoff.ms", "200"}, {"fetch.wait.max.ms", "200"}}));
    Seen seen(consumer);
    for (size_t round = 1; round <= 3; ++round) {
        REQUIRE(seen.until(0, "_BAD_MSG 3"));
        CHECK(seen.take(0) == (round == 1 ? Values{"before0", "before1", "before2", "_BAD_MSG 3"} : Values{"_BAD_MSG 3"}));
    }
    CHECK(world.cluster.request_count(fetch) < 50);
    world.fill("t", 1, 1, "other");
    REQUIRE(seen.until(1, "other0"));
    world.fill("t", 0, 2, "after"); // with something new behind it, it is old news
    seen.take(0);
    REQUIRE(seen.until(0, "after1"));
    const Values rest = seen.take(0);
    CHECK(Values(rest.end() - 2, rest.end()) == Values{"after0", "after1"});
    CHECK(std::count(rest.begin(), rest.end(), "_BAD_MSG 3") == static_cast<std::ptrdiff_t>(rest.size()) - 2);
}
