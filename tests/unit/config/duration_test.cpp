#include "config/duration.hpp"

#include "catch.hpp"
#include "config/settings.hpp"

using namespace ottla;
using namespace ottla::config;
using namespace std::chrono_literals;

TEST_CASE("durations are read as Java reads them") {
    struct Row {
        const char* text;
        std::optional<std::chrono::milliseconds> value;
    };

    for (const Row& row : {
             Row{"PT1H", 1h},
             Row{"P1D", 24h},
             Row{"p2dt3h4m5.678s", 51h + 4min + 5678ms},
             Row{"PT0S", 0ms},
             Row{"PT0.0019S", 1ms},
             Row{"PT90M", 90min},
             Row{"P1DT1M", 24h + 1min},
             Row{"", {}},
             Row{"P", {}},
             Row{"PT", {}},
             Row{"P1DT", {}},
             Row{"1H", {}},
             Row{"P1H", {}},
             Row{"PT1D", {}},
             Row{"PT1M1H", {}},
             Row{"PT1H1H", {}},
             Row{"PT1.5H", {}},
             Row{"PTH", {}},
             Row{"PT1", {}},
             Row{"-PT1H", {}},
             Row{"PT-1H", {}},
             Row{"PT1Hx", {}},
             Row{"P1Y", {}},
             Row{"P99999999999999999999D", {}},
             Row{"P9223372036854775807D", {}},
         }) {
        INFO(row.text);
        CHECK(parse_duration(row.text) == row.value);
    }
}

TEST_CASE("auto.offset.reset takes an age") {
    Config config{{"auto.offset.reset", "By_Duration:PT2H"}};
    auto parsed = parse(config, Role::consumer, nullptr);
    REQUIRE(parsed);
    CHECK(parsed->auto_offset_reset == OffsetReset::by_duration);
    CHECK(parsed->auto_offset_reset_age == 2h);
    for (const char* wrong : {"by_duration", "by_duration:", "by_duration:2h", "by_duration:-PT1H"}) {
        INFO(wrong);
        CHECK_FALSE(parse(Config{{"auto.offset.reset", wrong}}, Role::consumer, nullptr));
    }
    CHECK(parse(Config{{"auto.offset.reset", "none"}}, Role::consumer, nullptr)->auto_offset_reset == OffsetReset::error);
}
