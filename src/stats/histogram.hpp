// Distributions of durations and sizes: a log-linear histogram, and the window over it that rolls once an interval.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <ottla/metrics.hpp>
#include <ottla/types.hpp>

namespace ottla::stats {

/// Values from 0 to 2^40; each power of two is divided into 64 buckets, so that a bucket's middle is off by at most 0.8 %.
/// Memory grows with the largest value seen, and is kept.
class Histogram {
public:
    static constexpr int64_t largest = (int64_t{1} << 40) - 1;

    /// Values below zero count as zero, those beyond `largest` as that.
    void add(int64_t value);
    void reset();
    Distribution summary() const;
    int64_t count() const { return count_; }

private:
    static size_t bucket_of(int64_t value);
    static int64_t middle_of(size_t bucket);

    std::vector<uint64_t> buckets_; ///< by bucket_of, as far as used
    int64_t count_ = 0;
    int64_t min_ = 0;
    int64_t max_ = 0;
    int64_t sum_ = 0;
    double squares_ = 0;
    int64_t out_of_range_ = 0;
};

/// What is shown of a histogram: the last whole interval, or, until one is over, the current one.
class Window {
public:
    void add(int64_t value) { current_.add(value); }
    /// In microseconds.
    void add(Duration duration) { current_.add(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()); }
    /// The interval is over.
    void roll() {
        last_ = current_.summary();
        rolled_ = true;
        if (current_.count() > 0)
            current_.reset();
    }
    Distribution shown() const { return rolled_ ? last_ : current_.summary(); }

private:
    Histogram current_;
    Distribution last_;
    bool rolled_ = false;
};

} // namespace ottla::stats
