#include "base/varint.hpp"

#include <vector>

#include "catch.hpp"

using namespace ottla;

TEST_CASE("the size of a varint is what writing it takes, at every width") {
    for (int width = 0; width <= 64; ++width) {
        const uint64_t highest = width == 64 ? UINT64_MAX : (uint64_t{1} << width) - 1;
        for (const uint64_t value : {highest, highest / 2 + 1}) {
            uint8_t bytes[max_varint64];
            const auto size = static_cast<size_t>(put_uvarint(bytes, value) - bytes);
            INFO(value);
            CHECK(uvarint_size(value) == size);
            uint64_t read = 0;
            CHECK(get_uvarint<64>(bytes, bytes + size, read) == bytes + size);
            CHECK(read == value);
            CHECK(get_uvarint<64>(bytes, bytes + size - 1, read) == nullptr); // cut short
        }
    }
}

TEST_CASE("a varint that does not fit is refused") {
    uint64_t value = 0;
    const std::vector<uint8_t> largest32{0xff, 0xff, 0xff, 0xff, 0x0f};
    CHECK(get_uvarint<32>(largest32.data(), largest32.data() + 5, value));
    CHECK(value == UINT32_MAX);
    const std::vector<uint8_t> too_large{0xff, 0xff, 0xff, 0xff, 0x1f};
    CHECK_FALSE(get_uvarint<32>(too_large.data(), too_large.data() + 5, value));
    const std::vector<uint8_t> too_long(11, 0x80);
    CHECK_FALSE(get_uvarint<64>(too_long.data(), too_long.data() + too_long.size(), value));
    CHECK_FALSE(get_uvarint<32>(nullptr, nullptr, value));
}
