#include "core/group/topic_pattern.hpp"

#include <regex>

#include "catch.hpp"

using namespace ottla;
using namespace ottla::core::group;

TEST_CASE("entries that begin with a circumflex are patterns, which match beginnings of names", "[group]") {
    const auto patterns = TopicPatterns::of({"orders", "^pay", "^log-[0-9]+$"}).value();
    CHECK(patterns.matches("pay"));
    CHECK(patterns.matches("payments"));
    CHECK(patterns.matches("log-12"));
    CHECK_FALSE(patterns.matches("log-12b"));
    CHECK_FALSE(patterns.matches("orders"));
    CHECK_FALSE(patterns.matches("repay"));
    CHECK(TopicPatterns::of({"orders"}).value().empty());
    const auto wrong = TopicPatterns::of({"^a("});
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().errc() == Errc::_invalid_arg);
    CHECK(wrong.error().message().starts_with("^a( is no regular expression"));
}

TEST_CASE("brokers get one expression for whole names that matches the same", "[group]") {
    CHECK(pattern_for_broker({"orders"}).empty());
    CHECK(pattern_for_broker({"^pay.*"}) == "^pay.*");
    CHECK(pattern_for_broker({"^pay$", "x", "^log"}) == "^pay$|(?:^log).*");
    CHECK(pattern_for_broker({"^cost\\$"}) == "(?:^cost\\$).*");
    const std::vector<std::string> subscription{"^pay", "^log-[0-9]+$", "^a.*|b"};
    const auto patterns = TopicPatterns::of(subscription).value();
    const std::regex whole(pattern_for_broker(subscription));
    for (const char* name : {"pay", "payments", "log-1", "log-1b", "a", "ab", "repay", "b"})
        CHECK(patterns.matches(name) == std::regex_match(name, whole));
}
