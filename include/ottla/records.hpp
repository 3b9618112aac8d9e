// What reading brings: messages, and batches of views into the received bytes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/record.hpp>
#include <ottla/types.hpp>

namespace ottla {

namespace client {
struct Handout;
} // namespace client

namespace detail {

/// What the messages of one piece of a fetch share, or what an event is about.
struct MessageOrigin {
    Error error{};
    std::shared_ptr<const std::string> topic{};
    int32_t partition = -1;
    Buffer bytes{}; ///< what they point into
};

} // namespace detail

/// One message or event. Holds a reference to the bytes it was read from, so a few kept messages may keep a whole fetch
/// response alive: `detach()` those.
class OTTLA_EXPORT Message {
public:
    /// No error: a proper message. Else an event (_partition_eof) or an error of that partition.
    const Error& error() const { return origin().error; }
    const std::string& topic() const { return *origin().topic; }
    int32_t partition() const { return origin().partition; }
    int64_t offset() const { return record_.offset(); }
    int32_t leader_epoch() const { return record_.leader_epoch(); }
    int64_t timestamp_ms() const { return record_.timestamp_ms(); }
    TimestampType timestamp_type() const { return record_.timestamp_type(); }
    Bytes key() const { return record_.key(); }
    Bytes value() const { return record_.value(); }
    const RecordView& record() const { return record_; } ///< headers are read through it
    /// Copies the bytes of this message alone and lets the shared ones go.
    void detach();

private:
    friend struct client::Handout;
    /// Of one that was never filled, or moved away: no error, no topic, no partition.
    static const detail::MessageOrigin nowhere;
    const detail::MessageOrigin& origin() const { return origin_ ? *origin_ : nowhere; }

    std::shared_ptr<const detail::MessageOrigin> origin_;
    RecordView record_;
};

/// The records of one partition out of one fetch response, decompressed: views that live as long as this object.
class RecordBatch {
public:
    const std::string& topic() const { return *topic_; }
    int32_t partition() const { return partition_; }
    const RecordView* begin() const { return records_.data(); }
    const RecordView* end() const { return records_.data() + records_.size(); }
    size_t size() const { return records_.size(); }

private:
    friend struct client::Handout;
    std::shared_ptr<const std::string> topic_;
    int32_t partition_ = -1;
    std::vector<RecordView> records_;
    Buffer fetched_;                   ///< what views of uncompressed batches point into
    std::vector<Buffer> decompressed_; ///< and those of compressed ones
};

/// What poll_records returns: batches of any number of partitions, and events.
class Records {
public:
    const std::vector<RecordBatch>& batches() const { return batches_; }
    size_t count() const { return count_; }
    bool empty() const { return count_ == 0 && events_.empty(); }
    /// End-of-partition events and partition errors that came up.
    const std::vector<Message>& events() const { return events_; }

private:
    friend struct client::Handout;
    std::vector<RecordBatch> batches_;
    std::vector<RecordBatch> spare_; ///< emptied batches whose memory is used again
    std::vector<Message> events_;
    size_t count_ = 0;
    size_t decompressed_ = 0;      ///< bytes
    std::shared_ptr<void> lease_;  ///< while it is held, the records count as being worked on
    std::shared_ptr<void> charge_; ///< its memory, counted to ottla.memory.budget
};

} // namespace ottla
