#include "base/spares.hpp"
#include "catch.hpp"

using namespace ottla;

TEST_CASE("what was used last is used again, and no more are kept than wanted", "[base]") {
    Spares<int> spares(2);
    auto one = spares.take();
    auto two = spares.take();
    auto three = spares.take();
    CHECK(spares.kept() == 0);
    *one = 1;
    *two = 2;
    spares.put(std::move(one));
    spares.put(std::move(two));
    spares.put(std::move(three));
    CHECK(spares.kept() == 2);
    CHECK(*spares.take() == 2);
    CHECK(*spares.take() == 1);
    CHECK(spares.kept() == 0);
}
