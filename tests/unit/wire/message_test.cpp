#include "wire/message.hpp"

#include "catch.hpp"
#include "wire/utf8.hpp"

using namespace ottla;
using wire::Records;

TEST_CASE("records compare by bytes, however they are cut") {
    const Buffer ab = Buffer::copy_of("ab"), c = Buffer::copy_of("c"), a = Buffer::copy_of("a");
    const Buffer bc = Buffer::copy_of("bc"), none = Buffer::copy_of(""), bd = Buffer::copy_of("bd");

    REQUIRE(Records{{ab, none, c}} == Records{{a, bc}});
    REQUIRE(Records{{none, ab, c}} == Records{{a, none, bc, none}});
    REQUIRE_FALSE(Records{{ab, c}} == Records{{a, bd}});
    REQUIRE_FALSE(Records{{ab}} == Records{{ab, c}});
    REQUIRE_FALSE(Records{.pieces = {}, .null = true} == Records{});
}

TEST_CASE("UTF-8 has no overlong forms, no surrogates, and ends at U+10FFFF") {
    for (const std::string_view good :
         {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"})
        REQUIRE(wire::is_utf8(good));
    for (const std::string_view bad :
         {"\x80",
          "\xc1\xbf",
          "\xc2",
          "\xe0\x9f\xbf",
          "\xed\xa0\x80",
          "\xe2\x82",
          "\xf0\x8f\xbf\xbf",
          "\xf4\x90\x80\x80",
          "\xff"})
        REQUIRE_FALSE(wire::is_utf8(bad));
}
