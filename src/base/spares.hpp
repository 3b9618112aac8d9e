// Objects that are costly to make and used for a while by one after the other: there are as many as are in use at a time, and a
// few more.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace ottla {

/// Thread-safe.
template <class T>
class Spares {
public:
    /// Up to `most` that are not in use are kept.
    explicit Spares(size_t most) : most_(most) {}

    /// One that was used before, or a new one.
    std::unique_ptr<T> take() {
        {
            std::lock_guard lock(mutex_);
            if (!kept_.empty()) {
                auto last = std::move(kept_.back());
                kept_.pop_back();
                return last;
            }
        }
        return std::make_unique<T>();
    }

    void put(std::unique_ptr<T> one) {
        std::lock_guard lock(mutex_);
        if (kept_.size() < most_)
            kept_.push_back(std::move(one));
    }

    size_t kept() const {
        std::lock_guard lock(mutex_);
        return kept_.size();
    }

private:
    const size_t most_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<T>> kept_;
};

} // namespace ottla
