// Partitions that are read apart from the consumer's polls.
#include <fmt/format.h>

#include "client/consumer_impl.hpp"

namespace ottla::client {

std::shared_ptr<StreamImpl> ConsumerImpl::stream(const TopicPartition& where) {
    std::lock_guard lock(use_);
    Assigned& assigned = find(where);
    if (assigned.apart)
        throw KafkaException(Error(Errc::_conflict, fmt::format("{}[{}] has a stream already", where.topic, where.partition)));
    sort_in();
    unlist(assigned);
    Reading reading{
        assigned.where, assigned.topic, assigned.stream, assigned.progress, std::exchange(assigned.waiting, {}),
        std::exchange(assigned.reader, {}), assigned.stands};
    assigned.progress->reader.store(assigned.stream, std::memory_order_relaxed);
    assigned.apart =
        std::make_shared<StreamImpl>(shared_from_this(), driver_, std::move(reading), assigned.paused, stores_);
    driver_->queue().set_apart(assigned.stream, assigned.apart->arrivals());
    return assigned.apart;
}

void ConsumerImpl::reread(const TopicPartition& where, core::StreamId stream, int64_t offset) {
    std::lock_guard lock(use_);
    const auto it = assigned_.find(where);
    if (!closed_ && it != assigned_.end() && it->second->stream == stream)
        begin_stream(*it->second, offset, driver_->config().fetch_error_backoff);
}

void ConsumerImpl::take_back(StreamImpl& stream) {
    bool something;
    {
        std::lock_guard lock(use_);
        const auto it = assigned_.find(stream.where());
        if (closed_ || it == assigned_.end() || it->second->apart.get() != &stream)
            return; // it has ended meanwhile
        Assigned& assigned = *it->second;
        assigned.progress->reader.store(0, std::memory_order_relaxed);
        Reading rest = stream.take_rest();
        assigned.waiting = std::move(rest.waiting);
        assigned.reader = std::move(rest.reader);
        assigned.stands = rest.stands;
        for (auto& event : driver_->queue().put_back(assigned.stream))
            assigned.waiting.push_back(std::move(event));
        assigned.apart.reset();
        list(assigned);
        something = assigned.listed;
    }
    if (something)
        driver_->queue().interrupt(); // a poll may wait
}

void ConsumerImpl::end_streams() {
    for (const auto& [where, assigned] : assigned_)
        if (assigned->apart)
            assigned->apart->end();
}

} // namespace ottla::client
