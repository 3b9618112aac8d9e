// The shape of a core: protocol logic that gets `now` and returns when it wants to be asked again. No sockets, clocks or
// threads. The scheduler is the part of the turn that engine and simulator share.
#pragma once

#include <algorithm>
#include <vector>

#include <ottla/types.hpp>

namespace ottla::core {

inline constexpr TimePoint never = TimePoint::max();

/// Long-lived protocol logic. All members are called on the thread that owns the protocol state.
class Core {
public:
    Core() = default;
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;
    virtual ~Core() = default;

    /// Does what is due at `now`; returns the next moment at which time alone makes it act (`never` if none).
    virtual TimePoint poll(TimePoint now) = 0;
    /// Asks to be polled before the turn ends: an input has arrived.
    void wake() { dirty_ = true; }

private:
    friend class Scheduler;
    bool dirty_ = true;
    TimePoint next_ = never;
};

/// Polls the cores that are due or awake until all are quiet.
class Scheduler {
public:
    void add(Core& core) { cores_.push_back(&core); }
    /// Safe also while `run` is polling: the core is not touched afterwards.
    void remove(Core& core) { std::replace(cores_.begin(), cores_.end(), &core, static_cast<Core*>(nullptr)); }

    /// Returns the next deadline of all.
    TimePoint run(TimePoint now) {
        for (bool again = true; again;) {
            again = false;
            for (size_t i = 0; i < cores_.size(); ++i) { // by index: polling may add or remove
                Core* core = cores_[i];
                if (!core || (!core->dirty_ && core->next_ > now))
                    continue;
                core->dirty_ = false;
                const TimePoint next = core->poll(now);
                if (cores_[i] == core)
                    core->next_ = std::max(next, now + std::chrono::nanoseconds(1));
                again = true;
            }
        }
        std::erase(cores_, nullptr);
        TimePoint next = never;
        for (const Core* core : cores_)
            next = std::min(next, core->next_);
        return next;
    }

private:
    std::vector<Core*> cores_;
};

} // namespace ottla::core
