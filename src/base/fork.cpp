#include "base/fork.hpp"

#include <mutex>
#include <new>
#include <pthread.h>
#include <type_traits>
#include <utility>

namespace ottla {

// The marks there are. The lock is held over every fork, so the child's list is whole and the child may use it.
struct ForkMarks {
    std::mutex mutex;
    ForkMark* first = nullptr;

    ForkMarks() { pthread_atfork(prepare, in_parent, in_child); }

    // Never destroyed: other objects of static storage end after it would.
    static ForkMarks& all() {
        static std::aligned_storage_t<sizeof(ForkMarks), alignof(ForkMarks)> memory;
        static ForkMarks* const marks = new (&memory) ForkMarks;
        return *marks;
    }

    static void prepare() { all().mutex.lock(); }
    static void in_parent() { all().mutex.unlock(); }
    // Raised marks are on no list: a child never ends those on the stacks of the parent's threads, and uses these stacks again.
    static void in_child() {
        for (ForkMark* mark = std::exchange(all().first, nullptr); mark; mark = mark->next_) {
            mark->raised_.store(true, std::memory_order_relaxed);
            if (mark->lowered_)
                mark->lowered_->store(false, std::memory_order_relaxed);
        }
        all().mutex.unlock();
    }
};

ForkMark::ForkMark(std::atomic<bool>* lowered) : lowered_(lowered) {
    ForkMarks& marks = ForkMarks::all();
    const std::lock_guard lock(marks.mutex);
    next_ = marks.first;
    if (next_)
        next_->previous_ = this;
    marks.first = this;
}

ForkMark::~ForkMark() {
    ForkMarks& marks = ForkMarks::all();
    const std::lock_guard lock(marks.mutex);
    if (raised())
        return;
    if (next_)
        next_->previous_ = previous_;
    (previous_ ? previous_->next_ : marks.first) = next_;
}

void keep_for_ever(std::shared_ptr<const void> object) {
    struct Kept {
        std::shared_ptr<const void> object;
        Kept* next;
    };
    static std::atomic<Kept*> kept{nullptr};
    auto* const one = new Kept{std::move(object), kept.load(std::memory_order_relaxed)};
    while (!kept.compare_exchange_weak(one->next, one))
        ;
}

} // namespace ottla
