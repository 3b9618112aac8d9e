// Consume, transform, produce: made of the public consumer and producer, nothing else.
#include <ottla/transform.hpp>

#include <algorithm>
#include <utility>

namespace ottla {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds by_configuration{-1};

[[noreturn]] void fail(Errc code, const char* text) {
    throw KafkaException(Error(code, text));
}

} // namespace

Transform::Transform(Consumer consumer, Producer producer, TransformOptions options, Function function)
    : consumer_(std::move(consumer))
    , producer_(std::move(producer))
    , options_(std::move(options))
    , function_(std::move(function)) {
    if (options_.from.empty())
        fail(Errc::_invalid_arg, "Transform: there are no partitions to read");
    if (!function_)
        fail(Errc::_invalid_arg, "Transform: there is no function");
    if (options_.max_records == 0)
        fail(Errc::_invalid_arg, "Transform: max_records is 0");
    consumer_.group_metadata(); // fails without a group
    if (consumer_.commits_by_itself())
        fail(Errc::_invalid_arg, "Transform: its consumer wants enable.auto.commit=false");
}

size_t Transform::step(milliseconds timeout) {
    if (phase_ == Phase::committing)
        return commit(); // a call before ended in mid-way
    go_on();
    const auto messages = gather(timeout);
    if (messages.empty())
        return 0;
    try {
        producer_.begin_transaction();
        phase_ = Phase::open;
        transform(messages);
    } catch (const KafkaException& e) {
        if (e.error().fatal() || producer_.fatal_error() || phase_ != Phase::open)
            throw;
        give_up();
        // The transaction's own failure is cured by doing it again; any other comes from the function.
        if (!e.error().txn_requires_abort() && e.error().code() != Errc::_state)
            throw;
        return 0;
    } catch (...) {
        give_up();
        throw;
    }
    phase_ = Phase::committing;
    return commit();
}

/// The transaction is aborted and what was read for it will be read again, now or by the next call.
void Transform::give_up() {
    phase_ = Phase::aborting;
    go_on();
}

/// From wherever the last call stopped to where reading can go on.
void Transform::go_on() {
    if (phase_ == Phase::open)
        phase_ = Phase::aborting;
    if (phase_ == Phase::aborting)
        abort();
    if (phase_ == Phase::fresh) {
        producer_.init_transactions(by_configuration);
        phase_ = Phase::rewinding;
    }
    if (phase_ == Phase::rewinding)
        rewind();
}

void Transform::rewind() {
    std::vector<TopicPartitionOffset> starts;
    for (auto& committed : consumer_.committed(options_.from, milliseconds(60'000))) {
        if (committed.error)
            throw KafkaException(std::move(committed.error));
        starts.push_back(committed);
    }
    consumer_.assign(starts);
    phase_ = Phase::reading;
}

void Transform::abort() {
    producer_.abort_transaction(by_configuration);
    ++aborted_;
    phase_ = Phase::rewinding;
}

std::vector<Message> Transform::gather(milliseconds timeout) {
    std::vector<Message> messages = consumer_.consume(1, timeout);
    if (messages.empty())
        return messages;
    phase_ = Phase::rewinding; // what has been read is read again, unless it gets into a transaction
    if (options_.max_records > 1)
        for (auto& more : consumer_.consume(options_.max_records - 1, options_.max_wait))
            messages.push_back(std::move(more));
    for (const auto& message : messages)
        if (message.error() && message.error().errc() != Errc::_partition_eof)
            throw KafkaException(message.error());
    std::erase_if(messages, [](const Message& message) { return static_cast<bool>(message.error()); });
    if (messages.empty())
        phase_ = Phase::reading;
    return messages;
}

void Transform::transform(const std::vector<Message>& messages) {
    next_.clear();
    in_transaction_ = messages.size();
    for (const auto& message : messages) {
        function_(message, producer_);
        const auto same = [&](const auto& p) { return p.partition == message.partition() && p.topic == message.topic(); };
        auto at = std::find_if(next_.begin(), next_.end(), same);
        if (at == next_.end())
            at = next_.insert(next_.end(), {.topic = message.topic(), .partition = message.partition()});
        at->offset = message.offset() + 1;
        at->leader_epoch = message.leader_epoch();
    }
}

size_t Transform::commit() {
    try {
        if (!next_.empty()) {
            producer_.send_offsets_to_transaction(next_, consumer_.group_metadata(), by_configuration);
            next_.clear();
        }
        producer_.commit_transaction(by_configuration);
    } catch (const KafkaException& e) {
        if (e.error().retriable() || e.error().fatal() || producer_.fatal_error())
            throw;
        give_up();
        if (!e.error().txn_requires_abort())
            throw;
        return 0;
    }
    phase_ = Phase::reading;
    committed_ += in_transaction_;
    return in_transaction_;
}

void Transform::close() {
    producer_.close(by_configuration);
    consumer_.close();
}

} // namespace ottla
