#include "allocation_count.hpp"

#include <memory>

#include "catch.hpp"

TEST_CASE("allocations are counted", "[tests]") {
    const int64_t before = ottla::test::allocation_count();
    const auto something = std::make_unique<int>(1);
    CHECK(something);
    CHECK(ottla::test::allocation_count() > before);
}
