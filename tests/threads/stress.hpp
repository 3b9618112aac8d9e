// Threads that start together, and chances that are the same in every run of a seed.
#pragma once

#include <latch>
#include <thread>
#include <vector>

#include "base/rng.hpp"

namespace ottla::test {

/// Runs `f(index, Rng&)` on `count` threads that begin at the same moment; returns when all have ended.
template <class F>
void together(int count, uint64_t seed, F&& f) {
    std::latch start(count);
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
        threads.emplace_back([&, i] {
            Rng rng(seed * 100 + static_cast<uint64_t>(i));
            start.arrive_and_wait();
            f(i, rng);
        });
    for (auto& thread : threads)
        thread.join();
}

} // namespace ottla::test
