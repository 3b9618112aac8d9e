#include "accumulator/partitioner.hpp"

#include "catch.hpp"

using namespace ottla;
using namespace ottla::accumulator;
using config::Partitioner;

TEST_CASE("hashes are those of zlib, the Java client and FNV-1a") {
    CHECK(crc32("123456789") == 0xcbf43926);
    CHECK(fnv1a("") == 0x811c9dc5);
    CHECK(fnv1a("a") == 0xe40c292c);
    CHECK(fnv1a("foobar") == 0xbf9cf968);
    // From the tests of Kafka's own murmur2.
    CHECK(static_cast<int32_t>(murmur2("21")) == -973932308);
    CHECK(static_cast<int32_t>(murmur2("foobar")) == -790332482);
    CHECK(static_cast<int32_t>(murmur2("a-little-bit-long-string")) == -985981536);
    CHECK(static_cast<int32_t>(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")) == -58897971);
    CHECK(static_cast<int32_t>(murmur2("abc")) == 479470107);
}

TEST_CASE("which keys go anywhere depends on the partitioner") {
    struct Row {
        Partitioner partitioner;
        bool null_anywhere;
        bool empty_anywhere;
    };
    const Row rows[] = {
        {Partitioner::random, true, true},
        {Partitioner::consistent, false, false},
        {Partitioner::consistent_random, true, true},
        {Partitioner::murmur2, false, false},
        {Partitioner::murmur2_random, true, false},
        {Partitioner::fnv1a, false, false},
        {Partitioner::fnv1a_random, true, false},
    };
    for (const Row& row : rows) {
        CAPTURE(static_cast<int>(row.partitioner));
        CHECK((partition_of(row.partitioner, Bytes(), 7) == partition_any) == row.null_anywhere);
        CHECK((partition_of(row.partitioner, Bytes(""), 7) == partition_any) == row.empty_anywhere);
        CHECK((partition_of(row.partitioner, Bytes("key"), 7) == partition_any) == (row.partitioner == Partitioner::random));
    }
}

TEST_CASE("null and empty keys are one key to the partitioners that hash them") {
    for (const auto p : {Partitioner::consistent, Partitioner::murmur2, Partitioner::fnv1a})
        CHECK(partition_of(p, Bytes(), 13) == partition_of(p, Bytes(""), 13));
}

TEST_CASE("the hash chooses the partition, its sign taken away as each family does") {
    CHECK(partition_of(Partitioner::consistent, "123456789", 1000) == static_cast<int32_t>(0xcbf43926u % 1000));
    CHECK(partition_of(Partitioner::murmur2, "21", 1000) == (-973932308 & 0x7fffffff) % 1000);
    CHECK(partition_of(Partitioner::fnv1a, "a", 1000) == static_cast<int32_t>((0u - 0xe40c292cu) % 1000));
}
