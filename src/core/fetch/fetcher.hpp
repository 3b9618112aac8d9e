// Reads partitions: finds where to start (ListOffsets), keeps one fetch in flight per leader, asks for what
// there is demand for, judges every partition's answer. Knows neither users' threads nor what is inside a
// batch beyond its header. What has not changed costs nothing: a partition is looked at when it was touched.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/metrics.hpp>
#include <ottla/msg/fetch.hpp>
#include <ottla/msg/list_offsets.hpp>
#include <ottla/types.hpp>

#include "base/backoff.hpp"
#include "base/memory_budget.hpp"
#include "base/move_only_function.hpp"
#include "base/probe.hpp"
#include "config/client_config.hpp"
#include "core/call.hpp"
#include "core/cluster/metadata.hpp"
#include "core/core.hpp"
#include "core/events.hpp"
#include "core/fetch/fetch_session.hpp"
#include "core/fetch/fetch_sink.hpp"

namespace ottla::core {

/// Where to begin reading a partition.
struct FetchStart {
    TopicPartition where{};
    StreamId stream = 0;             ///< never used before
    int64_t offset = offset_invalid; ///< absolute or logical; invalid and stored: by auto.offset.reset
    int32_t epoch = -1;              ///< leader epoch of the record before an absolute offset; -1: not known
    bool paused = false;
    Duration delay = Duration::zero(); ///< first fetch not before so long
    std::shared_ptr<const std::atomic<int64_t>> position{}; ///< what the application has been handed, + 1; for statistics
};

/// From this version on answers to Fetch tell that the log was truncated (KIP-595).
inline constexpr int16_t first_telling_truncation = 12;
/// From the next one on, topics go by id alone (KIP-516).
inline constexpr int16_t last_by_name = 12;

class Fetcher final : public Core {
public:
    /// `client` owns the fetch lane. The references outlive the fetcher.
    Fetcher(
        Caller& caller,
        Metadata& metadata,
        FetchSink& sink,
        const config::ClientConfig& config,
        uint32_t client,
        uint64_t seed,
        Log log = {}
    );
    ~Fetcher() override;

    /// What is received counts there, and is asked for only as far as there is room. Before anything is added.
    void set_memory(std::shared_ptr<MemoryBudget> memory);

    void add(FetchStart start, TimePoint now);
    void remove(StreamId stream);
    /// No more is asked for; what is in flight still arrives.
    void pause(StreamId stream);
    void resume(StreamId stream);

    /// Asks for nothing more, and has brokers forget what they keep for this reader (KIP-227). `done` is called, later or at once,
    /// when they have answered, or cannot, or after `limit`.
    void finish(Duration limit, MoveOnlyFunction<void()> done);

    /// What time it is, in ms since 1970: for auto.offset.reset=by_duration (KIP-1106), which needs it.
    void set_clock(std::function<int64_t()> unix_ms) { unix_ms_ = std::move(unix_ms); }

    TimePoint poll(TimePoint now) override;
    /// Topics, partitions and sums over them, into `all`.
    void gather(Metrics& all, TimePoint now) const;

private:
    enum class State : uint8_t {
        need_offset, ///< `offset` is logical and must be looked up
        asking,      ///< a ListOffsets request is in flight
        reading,     ///< `offset` is absolute
        stopped,     ///< no way on: the reset policy is "error"
        unchecked,   ///< `offset` is absolute, but the leader is another one and may lack records that were read
        checking,    ///< an OffsetForLeaderEpoch request is in flight
    };

    /// Of a partition, over all streams, for statistics.
    struct Received {
        TimePoint since{};
        int64_t messages = 0;
        int64_t bytes = 0;
        int64_t stale = 0;
    };

    struct Partition {
        TopicPartition where;
        StreamId stream;
        State state = State::need_offset;
        int64_t offset; ///< next to fetch
        int32_t epoch = -1;         ///< leader epoch of the record before `offset`; -1: not known
        bool epoch_is_read = false; ///< that record has been read, now or by who committed
        int32_t checked_under = -1; ///< leader epoch whose leader has all that was read
        bool paused = false;
        bool from_tail = false; ///< started at offset_tail(n): falls back to the beginning
        int64_t max_bytes;
        int64_t waiting_messages = 0; ///< delivered and not used up
        int64_t waiting_bytes = 0;
        int64_t low = -1;
        int64_t high = -1;
        int64_t end_told = -1;            ///< offset of the last end-of-partition event
        Errc error_told = Errc::no_error; ///< of a lasting trouble with the topic, told once
        std::optional<TimePoint> unknown_since{};
        int32_t leader = -1;
        int32_t leader_epoch = -1;
        int32_t replica = -1; ///< preferred by the leader over itself (KIP-392)
        TimePoint replica_until{};
        int replica_failures = 0; ///< in a row
        Uuid topic_id{};
        TimePoint not_before{};
        int tries = 0;
        int64_t last_stable = -1;
        int64_t asked_for = offset_invalid; ///< where reading was told to begin
        std::shared_ptr<const std::atomic<int64_t>> position{};
        Received* received = nullptr;
        uint64_t served = 0; ///< number of the last answer that brought records: who waits longest goes first
        int32_t placed = -1;  ///< the broker in whose session it is, or will be with the next request
        bool touched = false; ///< listed there as changed
        bool fresh = false;   ///< reading begins, and was not asked for yet in that session
        bool starved = false; ///< left out there for lack of demand

        int32_t node() const { return replica >= 0 ? replica : leader; }

        void become(State to) {
            probe::step("position", state, to);
            state = to;
        }
    };

    /// A request beside the one under way, for those who would have to wait for its answer.
    struct Beside {
        FetchSession session{}; ///< what it asks; brokers keep none
        int64_t reserved = 0;
    };

    struct Leader {
        bool in_flight = false;
        int64_t reserved = 0; ///< bytes that the answer may bring
        TimePoint not_before{};
        int failures = 0;
        /// How long the broker may wait while some partition is left out for lack of demand: short at first,
        /// since that partition would have to wait for the answer too; doubled by every empty answer.
        Duration short_wait{};
        int16_t version = -1; ///< of its last answer
        FetchSession session{};
        std::vector<StreamId> touched{}; ///< to be looked at before the next request
        size_t starved = 0;              ///< partitions left out
        std::vector<StreamId> hurried{}; ///< fresh ones that came while a request was under way
        TimePoint asked{};               ///< when that left
        std::unique_ptr<Beside> beside{}; ///< under way
        size_t placed = 0;               ///< partitions, also those that are not read at present
    };

    using FetchAnswer = msg::fetch_response::FetchResponse;
    using PartitionAnswer = msg::fetch_response::PartitionData;

    struct AskedEpoch {
        TopicPartition where;
        StreamId stream;
        int32_t leader_epoch;
    };

    struct EpochAnswer {
        Errc error = Errc::no_error;
        int32_t epoch = -1;
        int64_t end_offset = -1;
    };

    void gather_partition(PartitionMetrics& one, const Partition& partition) const;
    Partition* find(StreamId stream);
    bool has_room() const { return waiting_bytes_ < queue_limit_; }

    /// Half of the room at least is for those of whom nothing waits, so that a partition that is not read leaves some to the others.
    int64_t most_ahead() const { return std::max<int64_t>(queue_limit_ / 2, 1); }
    bool is_starved(const Partition& partition) const {
        return partition.waiting_messages >= config_.queued_min_messages || (partition.waiting_bytes > 0 && waiting_bytes_ >= ahead_);
    }
    void judge_ahead();

    void apply_credits(FetchSink::Wake wake);
    void find_leaders(TimePoint now);
    void find_leader(Partition& partition, TimePoint now);
    TimePoint check_unknown(TimePoint now);

    // --- where to start
    void start_at(Partition& partition, int64_t offset);
    void look_up(Partition& partition, int64_t offset);
    int64_t timestamp_of(int64_t offset) const;
    void reset_position(Partition& partition, const std::string& why, Errc error = Errc::_auto_offset_reset);
    void begin_again(Partition& partition);
    void ask_offsets(TimePoint now, TimePoint& next);
    void send_list_offsets(int32_t node, std::vector<Partition*> partitions);
    void on_offset(Partition& partition, Errc error, int64_t offset, int32_t epoch, TimePoint now);

    // --- whether the log still has what was read
    bool is_checked(const Partition& partition) const;
    bool is_ahead_of_leader(Partition& partition, TimePoint now);
    void check_position(Partition& partition);
    void ask_epochs(int32_t node, std::vector<Partition*> partitions);
    void on_epoch_end(Partition& partition, int32_t under, const EpochAnswer& answer, TimePoint now);
    void judge_truncation(Partition& partition, int32_t epoch, int64_t end_offset);

    // --- fetching
    void touch(Partition& partition);
    void set_starved(Partition& partition, bool starved);
    void touch_due(TimePoint now);
    void settle(TimePoint now);
    void settle(int32_t node, Leader& leader, Partition& partition, TimePoint now);
    TimePoint plan_fetches(TimePoint now);
    /// Bytes that may be asked for now; 0: none.
    int64_t allowance();
    void send_fetch(int32_t node, Leader& leader, int64_t max_bytes, TimePoint now);
    FetchLine line_of(const Partition& partition) const;
    /// Without what a session would say.
    msg::FetchRequest request_of(Duration wait, int64_t max_bytes) const;
    void send(int32_t node, msg::FetchRequest request, CallOptions options, int16_t last_version, Reply<FetchAnswer> reply);
    TimePoint plan_beside(int32_t node, Leader& leader, TimePoint now);
    bool reads_beside(const Partition& partition, int32_t node, const Leader& leader, TimePoint now) const;
    void on_beside(int32_t node, CallResult<FetchAnswer> result, TimePoint now);
    void end_session(int32_t node, Leader& leader, Duration limit);
    void on_fetch(int32_t node, bool left_out, CallResult<FetchAnswer> result, TimePoint now);
    void on_fetch_failure(int32_t node, Leader& leader, Error failure, TimePoint now);
    /// Whether it brought records.
    bool take_answer(FetchSession& session, Answer<FetchAnswer>& answer, int32_t node, TimePoint now);
    Partition* find_read(const FetchSession::Held& held, int32_t node);
    void on_marks(Partition& partition, const FetchSession::Marks& marks);
    /// Of the request whose answer is judged.
    struct Asked {
        int32_t node;
        int16_t version;
        int32_t leader_epoch;
    };

    bool on_partition(Partition& partition, const PartitionAnswer& answer, const Asked& asked, TimePoint now);
    void prefer_replica(Partition& partition, int32_t replica, TimePoint now);
    bool is_told_truncated(Partition& partition, const PartitionAnswer& answer, const Asked& asked);
    bool on_records(Partition& partition, const PartitionAnswer& answer, TimePoint now);
    void on_partition_error(Partition& partition, Errc error, const Asked& asked, TimePoint now);
    int64_t end_of(const Partition& partition) const;
    void check_end(Partition& partition);
    void tell(const Partition& partition, Error error);
    void back_off(Partition& partition, TimePoint now);

    Caller& caller_;
    Metadata& metadata_;
    FetchSink& sink_;
    const config::ClientConfig& config_;
    const uint32_t client_;
    Rng rng_;
    const Log log_;
    CallScope scope_;
    std::function<int64_t()> unix_ms_;

    std::map<TopicPartition, Received> received_; ///< for good
    std::map<StreamId, Partition> partitions_;
    std::map<int32_t, Leader> leaders_;
    std::set<std::pair<TimePoint, StreamId>> due_; ///< when to touch
    std::set<StreamId> lookups_;                   ///< at least those whose start is not known
    std::set<StreamId> unknown_;                   ///< at least those whose topic is not known
    std::shared_ptr<MemoryBudget> memory_; ///< null: not counted
    int64_t reserved_ = 0;                 ///< sum over the leaders
    int64_t queue_limit_;                  ///< of waiting_bytes_
    int64_t waiting_bytes_ = 0;          ///< of all partitions that are not paused
    int64_t ahead_;                      ///< of waiting_bytes_, for partitions of which something waits
    bool held_back_ = false;             ///< one was starved, and no answer has come since
    config::Isolation lookup_isolation_; ///< of ListOffsets
    uint64_t metadata_version_ = ~uint64_t{0};
    uint64_t answers_ = 0;
    std::vector<Credit> credits_; ///< scratch
    bool finishing_ = false;
    size_t ending_ = 0;                  ///< sessions whose end has not been answered
    MoveOnlyFunction<void()> finished_{}; ///< to be called when there is none
};

} // namespace ottla::core
