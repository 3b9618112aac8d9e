// What reading a partition hands out: messages, batches of views, events. From one thread at a time.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ottla/consumer.hpp>

#include "client/slice_reader.hpp"
#include "client/stored_offsets.hpp"

namespace ottla::client {

/// A partition that is being read: what has come of it, and the place in that.
struct Reading {
    TopicPartition where{};
    std::shared_ptr<const std::string> topic{}; ///< shared by its messages
    core::StreamId stream = 0;
    std::shared_ptr<Progress> progress{};
    std::deque<core::FetchEvent> waiting{};
    SliceReader reader{}; ///< over the slice that is being handed out
    int64_t stands = -1;  ///< where the last slice of the stream that was read has ended

    bool idle() const { return waiting.empty() && !reader.active(); }
    int64_t place() const { return reader.active() ? reader.position() : stands; }
};

/// Knows the insides of messages and records.
struct Handout {
    /// A call hands out about so many views and decompressed bytes, ending with a whole batch: as many as stay in the
    /// cache while they are used.
    static constexpr size_t max_views = 4096;
    static constexpr size_t max_decompressed = 512 * 1024;

    static Message event(const Reading& from, Error error, int64_t offset);
    /// What is wrong with the slice that is being read, where it cannot be read on.
    static Message bad_slice(const Reading& from);
    /// Of no partition.
    static Message trouble(Error error);
    /// Takes the front of what waits: begins its slice (false), or makes it a message in `out` (true).
    static bool take_event(Reading& from, DecodeContext& context, Message& out);
    static void message(Reading& from, const RecordView& view, Message& out) {
        if (!from.reader.origin()) [[unlikely]]
            begin_origin(from);
        out.record_ = view;
        out.origin_ = from.reader.origin();
    }
    /// Appends records of the slice at hand as a batch, and to `loan` (if not null) how far it goes.
    static SliceReader::Step batch(Reading& from, DecodeContext& context, Records& into, Loan* loan);
    static void add(Records& into, Message event) { into.events_.push_back(std::move(event)); }
    static bool full(const Records& records) {
        return records.count_ >= max_views || records.decompressed_ >= max_decompressed;
    }
    static void lease(Records& records, std::shared_ptr<void> lease) { records.lease_ = std::move(lease); }
    /// Counts the memory of its views.
    static void charge(Records& records, DecodeContext& context);
    /// Empties it and keeps its memory.
    static void recycle(Records& records, DecodeContext& context);
    static void detach(Message& message);

private:
    /// Of the bytes at hand; kept apart from what is done for every message.
    static void begin_origin(Reading& from);
    using Origin = std::shared_ptr<const detail::MessageOrigin>;
    static Origin
    origin(std::shared_ptr<const std::string> topic, int32_t partition, Buffer bytes, Error error = {});
};

} // namespace ottla::client
