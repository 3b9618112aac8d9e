// The public handle: forwards to ConsumerImpl.
#include <ottla/consumer.hpp>

#include <algorithm>
#include <utility>

#include "base/fork.hpp"
#include "client/consumer_impl.hpp"
#include "engine/complete.hpp"

namespace ottla {

using client::ConsumerImpl;
using std::chrono::milliseconds;

namespace {

constexpr auto last_commit_limit = std::chrono::seconds(30); // of a consumer that goes away unclosed

ConsumerImpl& in_own_process(const std::shared_ptr<ConsumerImpl>& impl) {
    engine::refuse_in_child(impl->loop());
    return *impl;
}

} // namespace

Consumer::Consumer(const Config& config, ConsumerOptions options)
    : Consumer(config, Engine(), std::move(options)) {
}

Consumer::Consumer(const Config& config, Engine engine, ConsumerOptions options)
    : impl_(ConsumerImpl::make(config, engine, std::move(options))) {
}

Consumer::Consumer(Consumer&&) noexcept = default;

Consumer& Consumer::operator=(Consumer&& other) noexcept {
    if (this != &other) {
        const Consumer old(std::move(*this));
        impl_ = std::move(other.impl_);
    }
    return *this;
}

Consumer::~Consumer() {
    if (impl_ && impl_->loop().forked())
        keep_for_ever(std::move(impl_)); // the parent has it still
    else if (impl_)
        impl_->end(last_commit_limit);
}

void Consumer::assign(const std::vector<TopicPartitionOffset>& partitions) {
    in_own_process(impl_).assign(partitions);
}

void Consumer::unassign() {
    in_own_process(impl_).assign({});
}

void Consumer::subscribe(std::vector<std::string> topics, RebalanceHandlers handlers) {
    in_own_process(impl_).subscribe(std::move(topics), std::move(handlers));
}

void Consumer::unsubscribe() {
    in_own_process(impl_).unsubscribe();
}

std::vector<std::string> Consumer::subscription() const {
    return in_own_process(impl_).subscription();
}

std::string Consumer::member_id() const {
    return in_own_process(impl_).member_id();
}

void Consumer::incremental_assign(const std::vector<TopicPartitionOffset>& partitions) {
    in_own_process(impl_).incremental_assign(partitions);
}

void Consumer::incremental_unassign(const std::vector<TopicPartition>& partitions) {
    in_own_process(impl_).incremental_unassign(partitions);
}

std::vector<TopicPartition> Consumer::assignment() const {
    return in_own_process(impl_).assignment();
}

Error Consumer::fatal_error() const {
    return in_own_process(impl_).fatal_error();
}

Metrics Consumer::metrics() const {
    return in_own_process(impl_).metrics();
}

void Consumer::seek(const TopicPartitionOffset& to) {
    in_own_process(impl_).seek(to);
}

void Consumer::pause(const std::vector<TopicPartition>& partitions) {
    in_own_process(impl_).pause(partitions);
}

void Consumer::resume(const std::vector<TopicPartition>& partitions) {
    in_own_process(impl_).resume(partitions);
}

std::vector<TopicPartitionOffset> Consumer::position(const std::vector<TopicPartition>& partitions) const {
    return in_own_process(impl_).position(partitions);
}

std::optional<Message> Consumer::poll(milliseconds timeout) {
    return in_own_process(impl_).poll(timeout);
}

std::vector<Message> Consumer::consume(size_t count, milliseconds timeout) {
    return in_own_process(impl_).consume(count, timeout);
}

void Consumer::poll_records(Records& into, milliseconds timeout) {
    in_own_process(impl_).poll_records(into, timeout);
}

Records Consumer::poll_records(milliseconds timeout) {
    Records records;
    in_own_process(impl_).poll_records(records, timeout);
    return records;
}

namespace {

template <class Out>
void start_read(const std::shared_ptr<ConsumerImpl>& impl, Handler<Out> handler) {
    if (const Error in_child = engine::check_fork(impl->loop()))
        engine::complete(impl->loop(), std::move(handler), in_child.code, Out());
    else
        impl->start_poll(std::move(handler));
}

} // namespace

void Consumer::start_poll(const std::shared_ptr<ConsumerImpl>& impl, Handler<Records> handler) {
    start_read(impl, std::move(handler));
}

void Consumer::start_poll(const std::shared_ptr<ConsumerImpl>& impl, Handler<Message> handler) {
    start_read(impl, std::move(handler));
}

void Consumer::wakeup() {
    in_own_process(impl_).wakeup();
}

PartitionStream Consumer::stream(const TopicPartition& partition) {
    return PartitionStream(in_own_process(impl_).stream(partition));
}

Watermarks Consumer::query_watermarks(const TopicPartition& partition, milliseconds timeout) {
    return in_own_process(impl_).query_watermarks(partition, timeout);
}

Watermarks Consumer::cached_watermarks(const TopicPartition& partition) const {
    return in_own_process(impl_).cached_watermarks(partition);
}

std::optional<int64_t> Consumer::current_lag(const TopicPartition& partition) const {
    return in_own_process(impl_).current_lag(partition);
}

std::vector<TopicPartitionOffset>
Consumer::offsets_for_times(const std::vector<TopicPartitionOffset>& times, milliseconds timeout) {
    return in_own_process(impl_).offsets_for_times(times, timeout);
}

std::vector<CommittedOffset> Consumer::committed(const std::vector<TopicPartition>& partitions, milliseconds timeout) {
    return in_own_process(impl_).committed(partitions, timeout);
}

void Consumer::start_committed(
    const std::shared_ptr<ConsumerImpl>& impl,
    std::vector<TopicPartition> partitions,
    Handler<std::vector<CommittedOffset>> handler
) {
    if (const Error in_child = engine::check_fork(impl->loop()))
        engine::complete(impl->loop(), std::move(handler), in_child.code, std::vector<CommittedOffset>());
    else
        impl->start_committed(std::move(partitions), std::move(handler));
}

bool Consumer::commits_by_itself() const {
    return impl_->commits_by_itself();
}

ConsumerGroupMetadata Consumer::group_metadata() const {
    return in_own_process(impl_).group_metadata();
}

namespace {

std::vector<CommittedOffset> after(const Message& message) {
    if (message.error())
        throw KafkaException(Error(Errc::_invalid_arg, "an event has no offset to commit"));
    CommittedOffset offset;
    offset.topic = message.topic();
    offset.partition = message.partition();
    offset.offset = message.offset() + 1;
    offset.leader_epoch = message.leader_epoch();
    return {std::move(offset)};
}

} // namespace

std::vector<CommittedOffset> Consumer::commit() {
    ConsumerImpl& impl = in_own_process(impl_);
    return impl.commit(impl.stored());
}

std::vector<CommittedOffset> Consumer::commit(const Message& message) {
    return in_own_process(impl_).commit(after(message));
}

std::vector<CommittedOffset> Consumer::commit(const std::vector<CommittedOffset>& offsets) {
    return in_own_process(impl_).commit(offsets);
}

void Consumer::commit_async() {
    ConsumerImpl& impl = in_own_process(impl_);
    impl.commit_async(impl.stored());
}

void Consumer::commit_async(const Message& message) {
    in_own_process(impl_).commit_async(after(message));
}

void Consumer::commit_async(const std::vector<CommittedOffset>& offsets) {
    in_own_process(impl_).commit_async(offsets);
}

void Consumer::start_commit(
    const std::shared_ptr<ConsumerImpl>& impl,
    std::vector<CommittedOffset> offsets,
    Handler<std::vector<CommittedOffset>> handler
) {
    if (const Error in_child = engine::check_fork(impl->loop()))
        engine::complete(impl->loop(), std::move(handler), in_child.code, std::vector<CommittedOffset>());
    else
        impl->start_commit(std::move(offsets), std::move(handler));
}

void Consumer::store_offsets(const Message& message) {
    const auto rows = after(message);
    in_own_process(impl_).store_offsets({rows.begin(), rows.end()});
}

void Consumer::store_offsets(const std::vector<TopicPartitionOffset>& offsets) {
    in_own_process(impl_).store_offsets(offsets);
}

void Consumer::close(milliseconds timeout) {
    in_own_process(impl_).close({.timeout = timeout});
}

void Consumer::close(const CloseOptions& options) {
    in_own_process(impl_).close(options);
}

const detail::MessageOrigin Message::nowhere{.error = {}, .topic = std::make_shared<const std::string>(), .partition = -1, .bytes = {}};

void Message::detach() {
    client::Handout::detach(*this);
}

} // namespace ottla
