// The public handle: forwards to ConsumerImpl.
#include <ottla/consumer.hpp>

#include <algorithm>
#include <utility>

#include "client/consumer_impl.hpp"

namespace ottla {

using client::ConsumerImpl;
using std::chrono::milliseconds;

Consumer::Consumer(const Config& config, ConsumerOptions options)
    : Consumer(config, Engine(), std::move(options)) {
}

Consumer::Consumer(const Config& config, Engine engine, ConsumerOptions options)
    : impl_(ConsumerImpl::make(config, engine, std::move(options))) {
}

Consumer::Consumer(Consumer&&) noexcept = default;

Consumer& Consumer::operator=(Consumer&& other) noexcept {
    if (this != &other) {
        if (impl_)
            impl_->close();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

Consumer::~Consumer() {
    if (impl_)
        impl_->close();
}

void Consumer::assign(const std::vector<TopicPartitionOffset>& partitions) {
    impl_->assign(partitions);
}

void Consumer::unassign() {
    impl_->assign({});
}

std::vector<TopicPartition> Consumer::assignment() const {
    return impl_->assignment();
}

void Consumer::seek(const TopicPartitionOffset& to) {
    impl_->seek(to);
}

void Consumer::pause(const std::vector<TopicPartition>& partitions) {
    impl_->pause(partitions);
}

void Consumer::resume(const std::vector<TopicPartition>& partitions) {
    impl_->resume(partitions);
}

std::vector<TopicPartitionOffset> Consumer::position(const std::vector<TopicPartition>& partitions) const {
    return impl_->position(partitions);
}

std::optional<Message> Consumer::poll(milliseconds timeout) {
    return impl_->poll(timeout);
}

std::vector<Message> Consumer::consume(size_t count, milliseconds timeout) {
    return impl_->consume(count, timeout);
}

void Consumer::poll_records(Records& into, milliseconds timeout) {
    impl_->poll_records(into, timeout);
}

Records Consumer::poll_records(milliseconds timeout) {
    Records records;
    impl_->poll_records(records, timeout);
    return records;
}

void Consumer::start_poll(const std::shared_ptr<ConsumerImpl>& impl, Handler<Records> handler) {
    impl->start_poll(std::move(handler));
}

Watermarks Consumer::query_watermarks(const TopicPartition& partition, milliseconds timeout) {
    return impl_->query_watermarks(partition, timeout);
}

Watermarks Consumer::cached_watermarks(const TopicPartition& partition) const {
    return impl_->cached_watermarks(partition);
}

std::vector<TopicPartitionOffset>
Consumer::offsets_for_times(const std::vector<TopicPartitionOffset>& times, milliseconds timeout) {
    return impl_->offsets_for_times(times, timeout);
}

void Consumer::close() {
    impl_->close();
}

void Message::detach() {
    ConsumerImpl::detach(*this);
}

} // namespace ottla
