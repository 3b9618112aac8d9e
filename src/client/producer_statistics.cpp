// What a producer tells of itself in numbers.
#include "client/producer_impl.hpp"

namespace ottla::client {

Metrics ProducerImpl::metrics() const {
    const auto alone = loop_->hold_turns();
    return gather(engine::Loop::now());
}

// On the loop, or while it is held.
Metrics ProducerImpl::gather(TimePoint now) const {
    Metrics all = events_.begin_metrics(now);
    all.messages = accumulator_.outstanding();
    all.bytes = accumulator_.outstanding_bytes();
    all.messages_max = config_.queue_max_messages;
    all.bytes_max = config_.queue_max_kbytes * 1024;
    if (cluster_)
        cluster_->gather(all, now);
    if (core_)
        core_->gather(all, now);
    if (transaction_ && all.idempotence)
        transaction_->gather(*all.idempotence, now);
    std::lock_guard lock(mutex_);
    for (const accumulator::Batch* batch = delivered_.front(); batch; batch = batch->next)
        ++all.events_waiting;
    if (fatal_)
        all.fatal = fatal_;
    return all;
}

void ProducerImpl::emit_statistics(TimePoint now) {
    cluster_->roll_statistics();
    core_->roll_statistics();
    events_.on_metrics(gather(now));
}

} // namespace ottla::client
