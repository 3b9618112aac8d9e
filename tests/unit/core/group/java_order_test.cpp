#include "core/group/java_order.hpp"

#include "catch.hpp"

using namespace ottla::core::group;

TEST_CASE("texts hash as in Java, by UTF-16 units") {
    CHECK(java_hash("") == 0);
    CHECK(java_hash("a") == 97);
    CHECK(java_hash("hello") == 99162322);
    CHECK(java_hash("polygenelubricants") == 0x80000000u);
    CHECK(java_hash("\u00e4\u20ac") == 0xe4u * 31 + 0x20ac);
    CHECK(java_hash("\U0001f600") == 0xd83du * 31 + 0xde00);
    CHECK(java_hash("\xff") == 0xfffd);
    CHECK(java_hash("\xf0\x9f") == 0xfffdu * 31 + 0xfffd);
    CHECK(java_hash("a", 5) == 31 * (31 + 5) + 97);
}

TEST_CASE("texts compare as in Java, by UTF-16 units") {
    CHECK(java_less("a", "b"));
    CHECK(java_less("a", "aa"));
    CHECK(java_less("", "a"));
    CHECK_FALSE(java_less("a", "a"));
    CHECK_FALSE(java_less("aa", "a"));
    CHECK(java_less("z", "\u00e4"));
    CHECK(java_less("\ud7ff", "\U0001f600"));
    CHECK(java_less("\U0001f600", "\uffee")); // by code points it is the other way round
    CHECK_FALSE(java_less("\uffee", "\U0001f600"));
    CHECK(java_less("\U0001f600", "\U0001f601"));
}

TEST_CASE("a hash table of Java's has its keys by bucket, and grows when it is three quarters full") {
    CHECK(java_buckets(0) == 16);
    CHECK(java_buckets(12) == 16);
    CHECK(java_buckets(13) == 32);
    CHECK(java_buckets(24) == 32);
    CHECK(java_buckets(25) == 64);
    CHECK(java_bucket(0x30001, 16) == 2); // the upper half takes part
    using Order = std::vector<uint32_t>;
    CHECK(java_hash_order({"q", "a", "p", "b"}) == Order{2, 0, 1, 3}); // q and a share bucket 1, p is in 0
    CHECK(java_hash_order({}) == Order{});
}
