#include "stats/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ottla::stats {
namespace {

constexpr int part_bits = 6; // 64 buckets a power of two
constexpr int64_t parts = int64_t{1} << part_bits;

} // namespace

// Values below 2 * `parts` have a bucket each; beyond, the width doubles with each power of two.
size_t Histogram::bucket_of(int64_t value) {
    const int shift = std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(value))) - part_bits - 1);
    return static_cast<size_t>(shift * parts + (value >> shift));
}

int64_t Histogram::middle_of(size_t bucket) {
    const auto b = static_cast<int64_t>(bucket);
    if (b < 2 * parts)
        return b;
    const int64_t shift = b / parts - 1;
    const int64_t low = (b - shift * parts) << shift;
    return low + (int64_t{1} << shift) / 2;
}

void Histogram::add(int64_t value) {
    if (value > largest) {
        value = largest;
        ++out_of_range_;
    }
    value = std::max<int64_t>(value, 0);
    const size_t bucket = bucket_of(value);
    if (bucket >= buckets_.size()) [[unlikely]]
        buckets_.resize(bucket + 1);
    ++buckets_[bucket];
    min_ = count_ == 0 ? value : std::min(min_, value);
    max_ = std::max(max_, value);
    sum_ += value;
    squares_ += static_cast<double>(value) * static_cast<double>(value);
    ++count_;
}

void Histogram::reset() {
    std::fill(buckets_.begin(), buckets_.end(), 0);
    count_ = min_ = max_ = sum_ = out_of_range_ = 0;
    squares_ = 0;
}

Distribution Histogram::summary() const {
    Distribution all{
        .count = count_,
        .min = min_,
        .max = max_,
        .sum = sum_,
        .out_of_range = out_of_range_,
        .histogram_bytes = buckets_.capacity() * sizeof(uint64_t)};
    if (count_ == 0)
        return all;
    const double mean = static_cast<double>(sum_) / static_cast<double>(count_);
    all.mean = std::llround(mean);
    all.stddev = std::llround(std::sqrt(std::max(0.0, squares_ / static_cast<double>(count_) - mean * mean)));
    struct {
        double part;
        int64_t Distribution::*at;
    } const wanted[] = {
        {0.5, &Distribution::p50}, {0.75, &Distribution::p75}, {0.9, &Distribution::p90},
        {0.95, &Distribution::p95}, {0.99, &Distribution::p99}, {0.9999, &Distribution::p99_99}};
    uint64_t seen = 0;
    size_t next = 0;
    for (size_t bucket = 0; bucket < buckets_.size() && next < std::size(wanted); ++bucket) {
        seen += buckets_[bucket];
        while (next < std::size(wanted) && static_cast<double>(seen) >= std::ceil(wanted[next].part * static_cast<double>(count_)))
            all.*wanted[next++].at = std::clamp(middle_of(bucket), min_, max_);
    }
    return all;
}

} // namespace ottla::stats
