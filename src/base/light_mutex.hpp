// A mutex for sections of some ten nanoseconds: taking and leaving it uncontended is one atomic operation each, where
// std::mutex pays a call and a look at its kind. Whoever finds it taken sleeps in the kernel, as with any mutex.
#pragma once

#include <atomic>

namespace ottla {

class LightMutex {
public:
    void lock() noexcept {
        int seen = free;
        if (!state_.compare_exchange_strong(seen, taken, std::memory_order_acquire, std::memory_order_relaxed)) [[unlikely]]
            wait();
    }
    void unlock() noexcept {
        if (state_.exchange(free, std::memory_order_release) == awaited) [[unlikely]]
            state_.notify_one();
    }

private:
    static constexpr int free = 0;
    static constexpr int taken = 1;
    static constexpr int awaited = 2; ///< taken, and someone may be asleep

    [[gnu::noinline]] void wait() noexcept {
        // Once asleep, it is not known whether others sleep too: they are taken to.
        while (state_.exchange(awaited, std::memory_order_acquire) != free)
            state_.wait(awaited, std::memory_order_relaxed);
    }

    std::atomic<int> state_{free};
};

} // namespace ottla
