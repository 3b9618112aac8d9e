// The producer core: flush, purge, fatal errors, close.
#include "core/produce/producer.hpp"

#include <algorithm>

#include "base/probe.hpp"

namespace ottla::core::produce {

using accumulator::BatchList;
using accumulator::PartitionBuffer;
using accumulator::Topic;

void ProducerCore::set_flushing(bool flushing) {
    flushing_ += flushing ? 1 : -1;
    wake();
}

void ProducerCore::flush(TimePoint until, MoveOnlyFunction<void()> done) {
    flushes_.push_back({until, std::move(done)});
    wake();
}

TimePoint ProducerCore::oldest_unsettled() const {
    TimePoint oldest = TimePoint::max();
    for (const Partition* partition : active_) {
        if (!partition->unresolved.empty())
            oldest = std::min(oldest, partition->unresolved.front()->opened);
        oldest = std::min(oldest, partition->buffer->oldest());
    }
    for (const Topic* topic : nameless_)
        oldest = std::min(oldest, topic->unassigned.oldest());
    return oldest;
}

void ProducerCore::judge_flushes() {
    if (flushes_.empty())
        return;
    const TimePoint oldest = oldest_unsettled();
    for (auto& flush : flushes_)
        if (oldest > flush.until)
            std::exchange(flush.done, {})();
    std::erase_if(flushes_, [](const Flush& flush) { return !flush.done; });
}

void ProducerCore::fail_all(Partition& partition, const Error* queued, const Error* flying, TimePoint now) {
    for (Batch* batch : std::deque<Batch*>(partition.unresolved)) {
        const bool flies = batch->state == Batch::State::in_flight;
        const Error* error = flies || batch->ambiguous ? flying : queued;
        if (!error)
            continue;
        if (flies) {
            for (const auto& request : requests_)
                for (Sent& sent : *request)
                    if (sent.batch == batch)
                        sent.batch = nullptr;
            --partition.in_flight;
            --in_flight_;
            batch->ambiguous = true;
        }
        if (batch->base_sequence >= 0)
            lose_sequence(partition);
        finish(partition, *batch, *error, now);
    }
    if (!queued)
        return;
    for (BatchList unsent = partition.buffer->take_all(); !unsent.empty();)
        fail_unsent(unsent.pop(), *queued);
}

void ProducerCore::fail_everything(const Error* queued, const Error* flying, TimePoint now) {
    accumulator_.drain_ready([&](PartitionBuffer& buffer) {
        if (buffer.partition() != partition_any)
            state_of(buffer);
    });
    for (const auto& partition : partitions_)
        fail_all(*partition, queued, flying, now);
    if (!queued)
        return;
    for (Topic* topic : accumulator_.topics())
        for (BatchList waiting = topic->unassigned.take_all(); !waiting.empty();)
            fail_unsent(waiting.pop(), *queued);
}

bool ProducerCore::empty() const {
    const auto holds = [](const auto& partition) { return !partition->unresolved.empty() || !partition->buffer->empty(); };
    return std::none_of(partitions_.begin(), partitions_.end(), holds) &&
           std::all_of(topics_.begin(), topics_.end(), [](const Topic* topic) { return topic->unassigned.empty(); });
}

bool ProducerCore::has_gap() const {
    return std::any_of(partitions_.begin(), partitions_.end(), [](const auto& partition) { return partition->gap; });
}

void ProducerCore::purge(Purge what, TimePoint now) {
    const Error queued(Errc::_purge_queue, "purged from the local queue");
    const Error flying(Errc::_purge_inflight, "purged while in flight: the broker may store it");
    const auto has = [what](Purge one) { return static_cast<int>(what) & static_cast<int>(one); };
    fail_everything(has(Purge::queued) ? &queued : nullptr, has(Purge::in_flight) ? &flying : nullptr, now);
    judge_flushes();
    wake();
}

void ProducerCore::go_fatal(Error error, TimePoint now) {
    if (fatal_)
        return;
    fatal_ = Error(make_error_code(error.errc(), ErrorFlag::fatal), error.message());
    accumulator_.refuse(Errc::_fatal);
    sink_.on_fatal(fatal_);
    fail_everything(&fatal_, &fatal_, now);
}

void ProducerCore::close(const Error& error, TimePoint now) {
    if (closed_)
        return;
    accumulator_.refuse(Errc::_state);
    fail_everything(&error, &error, now);
    judge_flushes();
    closed_ = true;
    scope_.reset();
}

} // namespace ottla::core::produce
