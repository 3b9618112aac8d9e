#include "accumulator/lent_value.hpp"

#include <algorithm>

namespace ottla::accumulator {

struct LentPool::State {
    std::atomic<size_t> references{1}; // the pool and every value that is out
    std::function<void(Batch*)> deliver;
    std::mutex mutex;
    std::vector<LentValue*> free;
    std::vector<Batch*> held;
    bool closed = false;

    static constexpr size_t max_kept = 4096;

    // One of those who hold `lent` is done with it.
    void let_go(LentValue* lent) noexcept {
        if (lent->holders.fetch_sub(1, std::memory_order_acq_rel) != 1)
            return;
        {
            std::lock_guard lock(mutex);
            if (!closed && free.size() < free.capacity()) { // no allocation here
                free.push_back(lent);
                lent = nullptr;
            }
        }
        delete lent;
        if (references.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete this;
    }

    // No Buffer shows the value any more.
    void on_unread(LentValue* lent) noexcept {
        Batch* ready = nullptr;
        {
            std::lock_guard lock(mutex);
            if (Batch* batch = std::exchange(lent->waiting, nullptr); batch && --batch->being_read == 0) {
                held.erase(std::find(held.begin(), held.end(), batch));
                ready = batch;
            }
        }
        if (ready)
            deliver(ready);
        let_go(lent);
    }
};

namespace {

LentValue* lent_behind(const Chunk& chunk) { return static_cast<LentValue*>(chunk.value.block()); }

} // namespace

Buffer LentValue::gather() {
    references.store(1, std::memory_order_relaxed);
    holders.fetch_add(1, std::memory_order_relaxed);
    return {this, value.data(), value.size()};
}

LentPool::LentPool(std::function<void(Batch*)> deliver) : state_(new State) {
    state_->deliver = std::move(deliver);
    state_->free.reserve(State::max_kept);
}

LentPool::~LentPool() {
    {
        std::lock_guard lock(state_->mutex);
        state_->closed = true;
        for (LentValue* lent : state_->free)
            delete lent;
        state_->free.clear();
    }
    if (state_->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete state_;
}

LentValue* LentPool::take(Bytes value, Token token) {
    LentValue* lent = nullptr;
    {
        std::lock_guard lock(state_->mutex);
        if (!state_->free.empty()) {
            lent = state_->free.back();
            state_->free.pop_back();
        }
    }
    if (!lent) {
        lent = new LentValue;
        lent->pool = state_;
        lent->release = [](BufferBlock* block) noexcept {
            auto* own = static_cast<LentValue*>(block);
            static_cast<State*>(own->pool)->on_unread(own);
        };
    }
    state_->references.fetch_add(1, std::memory_order_relaxed);
    lent->holders.store(1, std::memory_order_relaxed);
    lent->value = value;
    lent->token = token;
    return lent;
}

void LentPool::give_back(LentValue* lent) { state_->let_go(lent); }

bool LentPool::hold(Batch& batch) {
    batch.wire.clear();
    {
        std::lock_guard lock(state_->mutex);
        batch.being_read = 1; // so that none of what follows delivers it
        for (const Chunk& chunk : batch.chunks)
            if (!chunk.value.empty()) {
                lent_behind(chunk)->waiting = &batch;
                ++batch.being_read;
            }
        state_->held.push_back(&batch);
    }
    for (Chunk& chunk : batch.chunks)
        chunk.value = Buffer(); // the report reads the value through its token
    std::lock_guard lock(state_->mutex);
    if (--batch.being_read > 0)
        return true;
    state_->held.erase(std::find(state_->held.begin(), state_->held.end(), &batch));
    return false;
}

BatchList LentPool::release_all() {
    std::lock_guard lock(state_->mutex);
    BatchList all;
    for (Batch* batch : state_->held) {
        for (int32_t i = 0; i < batch->count; ++i)
            if (LentValue* lent = batch->lent(i))
                lent->waiting = nullptr;
        all.push(batch);
    }
    state_->held.clear();
    return all;
}

} // namespace ottla::accumulator
