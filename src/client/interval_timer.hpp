// What comes round again: statistics, automatic commits.
#pragma once

#include "base/move_only_function.hpp"
#include "core/core.hpp"

namespace ottla::client {

/// Calls `act` at each interval, counted from its first turn; zero: never. One that a stalled loop has missed is left out.
class IntervalTimer final : public core::Core {
public:
    IntervalTimer(Duration interval, MoveOnlyFunction<void(TimePoint)> act) : interval_(interval), act_(std::move(act)) {}

    TimePoint poll(TimePoint now) override {
        if (interval_ <= Duration::zero())
            return core::never;
        if (next_ == TimePoint())
            next_ = now + interval_;
        if (now >= next_) {
            next_ += interval_;
            if (next_ <= now)
                next_ = now + interval_;
            act_(now);
        }
        return next_;
    }

private:
    const Duration interval_;
    MoveOnlyFunction<void(TimePoint)> act_;
    TimePoint next_{};
};

} // namespace ottla::client
