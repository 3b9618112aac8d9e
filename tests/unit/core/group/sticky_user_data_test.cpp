#include "core/group/assignor/sticky_user_data.hpp"

#include "base/rng.hpp"
#include "catch.hpp"

using namespace ottla;
using namespace ottla::core::group;
using Octets = std::vector<uint8_t>;

TEST_CASE("holdings are written by topic, and read again") {
    const Octets bytes = encode_holdings({.partitions = {{"b", 7}, {"a", 1}, {"a", 0}}, .generation = 3});
    CHECK(bytes == Octets{0, 0, 0, 2, 0, 1, 'a', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1,
                          0, 1, 'b', 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 3});
    CHECK(decode_holdings(bytes).value() == Holdings{.partitions = {{"a", 0}, {"a", 1}, {"b", 7}}, .generation = 3});
    CHECK(decode_holdings(encode_holdings({})).value() == Holdings{});
}

TEST_CASE("holdings of the older format have no generation, and what follows is ignored") {
    Octets bytes = encode_holdings({.partitions = {{"a", 1}}, .generation = 3});
    const Octets older(bytes.begin(), bytes.end() - 4);
    CHECK(decode_holdings(older).value() == Holdings{.partitions = {{"a", 1}}});
    bytes.push_back(9);
    CHECK(decode_holdings(bytes).value() == Holdings{.partitions = {{"a", 1}}, .generation = 3});
}

TEST_CASE("holdings that are cut off or count too many are refused") {
    const Octets bytes = encode_holdings({.partitions = {{"a", 1}, {"a", 2}}, .generation = 3});
    for (size_t size = 0; size + 4 < bytes.size(); ++size)
        CHECK(decode_holdings(Bytes(bytes.data(), size)).error().errc() == Errc::_bad_msg);
    for (const Octets& wrong :
         {Octets{0x7f, 0xff, 0xff, 0xff}, Octets{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, Octets{0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0},
          Octets{0, 0, 0, 1, 0, 0, 0x3f, 0xff, 0xff, 0xff}, Octets{0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0}})
        CHECK(decode_holdings(wrong).error().errc() == Errc::_bad_msg);
    CHECK(decode_holdings(Octets{0, 0}).error().message() == "user data of 2 bytes make no sense at 0");
}

TEST_CASE("whatever is sent along is either read or refused") {
    Rng rng(12);
    const Octets good = encode_holdings({.partitions = {{"abc", 1}, {"abc", 2}, {"b", 0}}, .generation = 3});
    int refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        Octets bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(rng.below(good.size() + 1)));
        for (uint64_t k = rng.below(4); k > 0 && !bytes.empty(); --k)
            bytes[rng.below(bytes.size())] = static_cast<uint8_t>(rng.next());
        const auto decoded = decode_holdings(bytes);
        refused += !decoded;
        if (decoded)
            CHECK(decoded->partitions.size() * 4 <= bytes.size());
    }
    CHECK(refused > 1000);
}

TEST_CASE("a generation is four bytes") {
    CHECK(encode_generation(258) == Octets{0, 0, 1, 2});
    CHECK(decode_generation(Octets{0xff, 0xff, 0xff, 0xff, 5}).value() == -1);
    CHECK(decode_generation(Octets{0, 0, 1}).error().errc() == Errc::_bad_msg);
}
