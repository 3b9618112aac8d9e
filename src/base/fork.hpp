// What a fork leaves behind: the child has copies of all objects, but neither the threads that serve them nor sockets of its
// own. Marks are told of it in the child, so that looking at one costs a load and nobody asks for process ids.
#pragma once

#include <atomic>
#include <memory>

namespace ottla {

/// Raised in every child that is forked while it exists.
class ForkMark {
public:
    /// In the child `lowered` becomes false, too.
    explicit ForkMark(std::atomic<bool>* lowered = nullptr);
    ForkMark(const ForkMark&) = delete;
    ForkMark& operator=(const ForkMark&) = delete;
    ~ForkMark();

    bool raised() const { return raised_.load(std::memory_order_relaxed); }

private:
    friend struct ForkMarks;

    std::atomic<bool> raised_{false};
    std::atomic<bool>* const lowered_;
    ForkMark* next_ = nullptr;
    ForkMark* previous_ = nullptr;
};

/// Never lets `object` go: in a child, for what must not be destroyed there. Still found by leak checkers. Any thread.
void keep_for_ever(std::shared_ptr<const void> object);

} // namespace ottla
