// One assigned partition, read apart from the others: by a thread or coroutine of its own, at its own pace.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include <ottla/detail/initiate.hpp>
#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/records.hpp>
#include <ottla/types.hpp>

namespace ottla {

namespace client {
class StreamImpl;
}

/// Made by Consumer::stream. Ends when the partition is assigned no longer (unassigned, revoked, lost), and when the consumer is closed.
/// Going away before, it leaves what it has not handed out to the consumer's poll calls, which must come all the same: they serve
/// rebalances and keep the member in its group. Fetching pauses while nobody reads, for this partition alone. seek, pause, resume and
/// position of the consumer hold for it too. Use from one thread at a time, which need not be the consumer's.
class OTTLA_EXPORT PartitionStream {
public:
    PartitionStream(PartitionStream&&) noexcept;
    PartitionStream& operator=(PartitionStream&&) noexcept;
    ~PartitionStream();

    const TopicPartition& where() const;

    /// As Consumer::poll_records for this partition; no callbacks are served. False when the stream has ended: `into` is empty then.
    /// Throws KafkaException: _state on a thread of the application's own loop in which the consumer lives.
    bool poll_records(Records& into, std::chrono::milliseconds timeout);
    /// The same without a time limit, completing with `void(error_code, Records)`. Errors: _revoke_partitions when the stream has ended,
    /// _in_progress when another waits, operation_aborted when cancelled.
    template <class Token>
    auto async_poll_records(Token&& token) {
        return detail::initiate<void(error_code, Records)>(
            std::forward<Token>(token), [impl = impl_](Handler<Records> handler) { start_poll(impl, std::move(handler)); });
    }

private:
    friend class Consumer;
    explicit PartitionStream(std::shared_ptr<client::StreamImpl> impl);
    static void start_poll(const std::shared_ptr<client::StreamImpl>& impl, Handler<Records> handler);

    std::shared_ptr<client::StreamImpl> impl_;
};

} // namespace ottla
