// How much memory a client may have in bytes of records: received, decompressed, and held by the application. Counts
// blocks until their last reference is gone, wherever that is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include <ottla/buffer.hpp>

namespace ottla {

/// Thread-safe.
class MemoryBudget : public std::enable_shared_from_this<MemoryBudget> {
public:
    /// `limit` in bytes. `on_room` is called on whichever thread gives memory back, after somebody was refused; `on_spent` on the one
    /// that finds out that the application has to give some back first.
    explicit MemoryBudget(int64_t limit, std::function<void()> on_room = {}, std::function<void(const MemoryBudget&)> on_spent = {})
        : limit_(limit)
        , on_room_(std::move(on_room))
        , on_spent_(std::move(on_spent)) {}

    int64_t limit() const { return limit_; }
    /// Bytes that are counted now; of those `prepared` for the application: decompressed bytes and views.
    int64_t used() const { return used_.load(std::memory_order_relaxed); }
    int64_t prepared() const { return prepared_.load(std::memory_order_relaxed); }

    /// For received data: bytes that may come now, given that `reserved` may still come. Where only the application's holdings would
    /// be in the way of less than `least`: 0, and `on_room` will be called. A quarter is left for what has to be decompressed.
    int64_t room_to_receive(int64_t reserved, int64_t least);
    /// Whether so much may be prepared; one thing may always be. If not, `on_room` will be called.
    bool admit(int64_t bytes);

    enum class Kind { received, prepared };

    /// The same bytes, counted as the whole block that they keep.
    Buffer count(Buffer bytes, Kind kind);
    /// Counts `bytes` while what is returned exists.
    std::shared_ptr<void> charge(int64_t bytes);

    /// Not beside or after `close`.
    void tell_spent() const;

    /// Neither is called any more.
    void close();

private:
    struct Counted;
    friend class CountFrames;

    void take(int64_t bytes, Kind kind);
    void give(int64_t bytes, Kind kind) noexcept;

    const int64_t limit_;
    std::atomic<int64_t> used_{0};
    std::atomic<int64_t> prepared_{0};
    std::atomic<bool> refused_{false};
    mutable std::mutex mutex_;
    std::function<void()> on_room_;
    std::function<void(const MemoryBudget&)> on_spent_;
};

/// Counts the slices of one frame together.
class CountFrames {
public:
    /// null: nothing is counted.
    explicit CountFrames(MemoryBudget* budget)
        : budget_(budget) {}

    Buffer operator()(Buffer slice);

private:
    MemoryBudget* budget_;
    const BufferBlock* frame_ = nullptr;
    Buffer counted_; ///< of that frame
};

} // namespace ottla
