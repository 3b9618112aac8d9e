#include "base/memory_budget.hpp"

#include <utility>

namespace ottla {

/// Stands for another block, and keeps it.
struct MemoryBudget::Counted : BufferBlock {
    Counted(std::shared_ptr<MemoryBudget> by, Buffer counted, Kind of)
        : budget(std::move(by))
        , inner(std::move(counted))
        , kind(of) {
        release = &Counted::end;
        bytes = inner.block()->bytes;
        capacity = inner.block()->capacity;
        budget->take(static_cast<int64_t>(capacity), kind);
    }

    static void end(BufferBlock* block) noexcept {
        auto* const counted = static_cast<Counted*>(block);
        counted->inner = Buffer(); // before the count goes down
        counted->budget->give(static_cast<int64_t>(counted->capacity), counted->kind);
        delete counted;
    }

    const std::shared_ptr<MemoryBudget> budget;
    Buffer inner;
    const Kind kind;
};

Buffer MemoryBudget::count(Buffer bytes, Kind kind) {
    if (!bytes.block())
        return bytes;
    const uint8_t* const data = bytes.data();
    const size_t size = bytes.size();
    return {new Counted(shared_from_this(), std::move(bytes), kind), data, size};
}

std::shared_ptr<void> MemoryBudget::charge(int64_t bytes) {
    take(bytes, Kind::prepared);
    return {nullptr, [self = shared_from_this(), bytes](void*) { self->give(bytes, Kind::prepared); }};
}

void MemoryBudget::take(int64_t bytes, Kind kind) {
    used_.fetch_add(bytes);
    if (kind == Kind::prepared)
        prepared_.fetch_add(bytes);
}

void MemoryBudget::give(int64_t bytes, Kind kind) noexcept {
    used_.fetch_sub(bytes);
    if (kind == Kind::prepared)
        prepared_.fetch_sub(bytes);
    if (!refused_.load() || !refused_.exchange(false))
        return;
    std::lock_guard lock(mutex_);
    if (on_room_)
        on_room_();
}

int64_t MemoryBudget::room_to_receive(int64_t reserved, int64_t least) {
    const auto room = [&] { return limit_ - limit_ / 4 - reserved - used_.load(); };
    if (const int64_t now = room(); now >= least)
        return now;
    if (used_.load() == 0 && reserved == 0)
        return least; // one may always come
    refused_ = true;
    const int64_t late = room(); // given back meanwhile
    return late >= least ? late : 0;
}

bool MemoryBudget::admit(int64_t bytes) {
    const auto fits = [&] { return prepared_.load() == 0 || used_.load() + bytes <= limit_; };
    if (fits())
        return true;
    refused_ = true;
    return fits();
}

void MemoryBudget::close() {
    std::lock_guard lock(mutex_);
    on_room_ = nullptr;
    on_spent_ = nullptr;
}

// Without the lock, for the application may give memory back in it.
void MemoryBudget::tell_spent() const {
    if (on_spent_)
        on_spent_(*this);
}

Buffer CountFrames::operator()(Buffer slice) {
    if (!budget_ || !slice.block())
        return slice;
    const uint8_t* const data = slice.data();
    const size_t size = slice.size();
    if (slice.block() != frame_) {
        frame_ = slice.block();
        counted_ = budget_->count(std::move(slice), MemoryBudget::Kind::received);
    }
    counted_.block()->references.fetch_add(1, std::memory_order_relaxed);
    return {counted_.block(), data, size};
}

} // namespace ottla
