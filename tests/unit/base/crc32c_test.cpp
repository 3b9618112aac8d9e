#include "base/crc32c.hpp"

#include <numeric>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "catch.hpp"

using namespace ottla;

namespace {

std::string noise(size_t size) {
    Rng rng(size);
    std::string bytes(size, 0);
    for (char& byte : bytes)
        byte = static_cast<char>(rng.below(256));
    return bytes;
}

uint32_t crc_of(std::string_view bytes) { return crc32c(0, bytes.data(), bytes.size()); }

} // namespace

TEST_CASE("crc32c: the check value of the catalogue of checksums, by every way that this processor has") {
    CHECK(crc_of("123456789") == 0xe3069283);
    for (const auto way : detail::crc32c_ways())
        CHECK(way(0, "123456789", 9) == 0xe3069283);
}

TEST_CASE("crc32c: every way is as the tables") {
    std::vector<size_t> sizes(4000);
    std::iota(sizes.begin(), sizes.end(), size_t{0});
    sizes.insert(sizes.end(), {10'000, 100'003});
    for (const size_t size : sizes) {
        const std::string bytes = noise(size + 3).substr(3); // unaligned
        for (const uint32_t before : {0u, 1u, 0xffffffffu, 0x12345678u}) {
            const uint32_t expected = detail::crc32c_tables(before, bytes.data(), bytes.size());
            for (const auto way : detail::crc32c_ways())
                REQUIRE(way(before, bytes.data(), bytes.size()) == expected);
        }
    }
}

TEST_CASE("crc32c: those of two pieces give that of both together") {
    const std::string whole = noise(1'100'000);
    for (const size_t size : {size_t{0}, size_t{1}, size_t{255}, size_t{4096}, size_t{100'003}, whole.size()})
        for (const size_t first : {size_t{0}, size_t{1}, size_t{17}, size_t{40}, size / 2, size})
            if (first <= size) {
                const std::string_view bytes = std::string_view(whole).substr(0, size);
                CHECK(crc32c_join(crc_of(bytes.substr(0, first)), crc_of(bytes.substr(first)), size - first) == crc_of(bytes));
            }
}
