// What a PartitionStream stands for: a partition whose arrivals, reader and memory are apart from the consumer's.
// Locks are taken in the order consumer, stream, queue.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <ottla/partition_stream.hpp>

#include "client/arrivals.hpp"
#include "client/consumer_driver.hpp"
#include "client/handout.hpp"

namespace ottla::client {

class ConsumerImpl;

class StreamImpl : public std::enable_shared_from_this<StreamImpl> {
public:
    StreamImpl(std::shared_ptr<ConsumerImpl> consumer, std::shared_ptr<ConsumerDriver> driver, Reading reading, bool paused, bool stores);

    // --- from the consumer, with its lock
    const std::shared_ptr<Arrivals>& arrivals() const { return arrivals_; }
    /// Reading goes on under a new number, with nothing of what has come.
    void restart(core::StreamId stream);
    void set_paused(bool paused);
    /// The partition is assigned no longer.
    void end();
    /// What has not been handed out, in its order; the stream has ended.
    Reading take_rest();
    /// Where reading stands; -1: nothing was read yet.
    int64_t place() const;

    // --- from the reading thread
    const TopicPartition& where() const { return where_; }
    bool poll_records(Records& into, std::chrono::milliseconds timeout);
    static void start_poll(const std::shared_ptr<StreamImpl>& self, Handler<Records> handler);
    /// The handle goes away.
    void close();

private:
    struct BadSlice {
        core::StreamId stream;
        int64_t offset;
    };

    /// True when there is something in `into`; false when not, or ended.
    bool take(Records& into);
    std::optional<BadSlice> take_some(Records& into);
    bool ended() const;
    void begin_poll();

    const TopicPartition where_;
    const std::shared_ptr<ConsumerDriver> driver_;
    const std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
    const bool stores_;
    const uint64_t reader_; ///< to StoredOffsets
    mutable std::mutex use_;
    std::shared_ptr<ConsumerImpl> consumer_; ///< null: ended
    Reading reading_;
    bool paused_;
    DecodeContext context_;
    std::vector<core::FetchEvent> taken_;
};

} // namespace ottla::client
