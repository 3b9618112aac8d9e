#include "stats/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "catch.hpp"

namespace ottla {
namespace {

using stats::Histogram;
using stats::Window;

TEST_CASE("a histogram without samples is all zero", "[statistics]") {
    const Distribution none = Histogram().summary();
    CHECK(none.count == 0);
    CHECK(none.max == 0);
    CHECK(none.p99_99 == 0);
}

TEST_CASE("count, extremes, sum and deviation are exact", "[statistics]") {
    Histogram histogram;
    for (const int64_t value : {2, 4, 4, 4, 5, 5, 7, 9})
        histogram.add(value);
    const Distribution all = histogram.summary();
    CHECK(all.count == 8);
    CHECK(all.min == 2);
    CHECK(all.max == 9);
    CHECK(all.sum == 40);
    CHECK(all.mean == 5);
    CHECK(all.stddev == 2);
    CHECK(all.p50 == 4);
    CHECK(all.p99 == 9);
    CHECK(all.histogram_bytes > 0);
}

TEST_CASE("one sample is every percentile", "[statistics]") {
    for (const int64_t value : {int64_t{0}, int64_t{1}, int64_t{127}, int64_t{128}, int64_t{1'000'003}, Histogram::largest}) {
        Histogram histogram;
        histogram.add(value);
        CHECK(histogram.summary().p50 == value);
        CHECK(histogram.summary().p99_99 == value);
        CHECK(histogram.summary().out_of_range == 0);
    }
}

TEST_CASE("percentiles are off by at most 0.8 percent", "[statistics]") {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> shape(8, 3);
    Histogram histogram;
    std::vector<int64_t> values;
    for (int i = 0; i < 20'000; ++i) {
        values.push_back(std::min(static_cast<int64_t>(shape(random)), Histogram::largest));
        histogram.add(values.back());
    }
    std::sort(values.begin(), values.end());
    const Distribution all = histogram.summary();
    const auto check = [&](double part, int64_t found) {
        const int64_t exact = values[static_cast<size_t>(std::ceil(part * 20'000)) - 1];
        CHECK(std::abs(found - exact) <= std::max<int64_t>(1, exact * 8 / 1000));
    };
    check(0.5, all.p50);
    check(0.75, all.p75);
    check(0.9, all.p90);
    check(0.95, all.p95);
    check(0.99, all.p99);
    check(0.9999, all.p99_99);
}

TEST_CASE("values out of range are told and kept within", "[statistics]") {
    Histogram histogram;
    histogram.add(-5);
    histogram.add(Histogram::largest + 1);
    CHECK(histogram.summary().min == 0);
    CHECK(histogram.summary().max == Histogram::largest);
    CHECK(histogram.summary().out_of_range == 1);
}

TEST_CASE("a window shows the last whole interval", "[statistics]") {
    Window window;
    window.add(10);
    CHECK(window.shown().count == 1); // the first is not over: what there is of it
    window.add(20);
    window.roll();
    CHECK(window.shown().count == 2);
    CHECK(window.shown().max == 20);
    window.add(1000);
    CHECK(window.shown().max == 20);
    window.roll();
    CHECK(window.shown().count == 1);
    CHECK(window.shown().min == 1000);
    CHECK(window.shown().p50 == 1000);
    window.roll();
    CHECK(window.shown().count == 0);
    CHECK(window.shown().max == 0);
}

} // namespace
} // namespace ottla
