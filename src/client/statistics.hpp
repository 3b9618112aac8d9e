// The interval of statistics.
#pragma once

#include "base/move_only_function.hpp"
#include "core/core.hpp"

namespace ottla::client {

/// Calls `emit` at each statistics.interval.ms, counted from its first turn. One that a stalled loop has missed is left out.
class StatisticsTimer final : public core::Core {
public:
    StatisticsTimer(Duration interval, MoveOnlyFunction<void(TimePoint)> emit) : interval_(interval), emit_(std::move(emit)) {}

    TimePoint poll(TimePoint now) override {
        if (interval_ <= Duration::zero())
            return core::never;
        if (next_ == TimePoint())
            next_ = now + interval_;
        if (now >= next_) {
            next_ += interval_;
            if (next_ <= now)
                next_ = now + interval_;
            emit_(now);
        }
        return next_;
    }

private:
    const Duration interval_;
    MoveOnlyFunction<void(TimePoint)> emit_;
    TimePoint next_{};
};

} // namespace ottla::client
