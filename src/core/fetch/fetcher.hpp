// Reads partitions: finds where to start (ListOffsets), keeps one fetch in flight per leader, asks for what
// there is demand for, judges every partition's answer. Knows neither users' threads nor what is inside a
// batch beyond its header.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/metrics.hpp>
#include <ottla/msg/fetch.hpp>
#include <ottla/msg/list_offsets.hpp>
#include <ottla/types.hpp>

#include "base/backoff.hpp"
#include "base/probe.hpp"
#include "config/client_config.hpp"
#include "core/call.hpp"
#include "core/cluster/metadata.hpp"
#include "core/core.hpp"
#include "core/events.hpp"
#include "core/fetch/fetch_sink.hpp"

namespace ottla::core {

/// Where to begin reading a partition.
struct FetchStart {
    TopicPartition where{};
    StreamId stream = 0;             ///< never used before
    int64_t offset = offset_invalid; ///< absolute or logical; invalid and stored: by auto.offset.reset
    bool paused = false;
    Duration delay = Duration::zero(); ///< first fetch not before so long
    std::shared_ptr<const std::atomic<int64_t>> position{}; ///< what the application has been handed, + 1; for statistics
};

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

    void add(FetchStart start, TimePoint now);
    void remove(StreamId stream);
    /// No more is asked for; what is in flight still arrives.
    void pause(StreamId stream);
    void resume(StreamId stream);

    TimePoint poll(TimePoint now) override;
    /// Topics, partitions and sums over them, into `all`.
    void gather(Metrics& all, TimePoint now) const;

private:
    enum class State : uint8_t {
        need_offset, ///< `offset` is logical and must be looked up
        asking,      ///< a ListOffsets request is in flight
        reading,     ///< `offset` is absolute
        stopped,     ///< no way on: the reset policy is "error"
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
        bool paused = false;
        bool in_flight = false;
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
        Uuid topic_id{};
        TimePoint not_before{};
        int tries = 0;
        int64_t last_stable = -1;
        int64_t asked_for = offset_invalid; ///< where reading was told to begin
        std::shared_ptr<const std::atomic<int64_t>> position{};
        Received* received = nullptr;
        uint64_t served = 0; ///< number of the last answer that brought records: who waits longest goes first

        int32_t node() const { return replica >= 0 ? replica : leader; }

        void become(State to) {
            probe::step("position", state, to);
            state = to;
        }
    };

    struct Leader {
        bool in_flight = false;
        TimePoint not_before{};
        int failures = 0;
        /// How long the broker may wait while some partition is left out for lack of demand: short at first,
        /// since that partition would have to wait for the answer too; doubled by every empty answer.
        Duration short_wait{};
    };

    /// What was asked, in the order of the request.
    struct Asked {
        struct Topic {
            std::string name;
            Uuid id;
            std::vector<std::pair<int32_t, StreamId>> partitions;
        };

        int32_t node;
        bool left_out;
        std::vector<Topic> topics;
    };

    using FetchAnswer = msg::fetch_response::FetchResponse;
    using PartitionAnswer = msg::fetch_response::PartitionData;

    void gather_partition(PartitionMetrics& one, const Partition& partition) const;
    Partition* find(StreamId stream);
    bool has_demand(const Partition& partition) const;
    void apply_credits(FetchSink::Wake wake);
    void find_leaders(TimePoint now);
    void find_leader(Partition& partition, TimePoint now);
    TimePoint check_unknown(TimePoint now);

    // --- where to start
    void start_at(Partition& partition, int64_t offset);
    void reset_position(Partition& partition, const std::string& why);
    void ask_offsets(TimePoint now, TimePoint& next);
    void send_list_offsets(int32_t node, std::vector<Partition*> partitions);
    void on_offset(Partition& partition, Errc error, int64_t offset, TimePoint now);

    // --- fetching
    TimePoint plan_fetches(TimePoint now);
    void send_fetch(int32_t node, std::vector<Partition*> partitions, bool left_out);
    void on_fetch(const Asked& asked, CallResult<FetchAnswer> result, TimePoint now);
    bool on_partition(Partition& partition, const PartitionAnswer& answer, int32_t node, TimePoint now);
    bool on_records(Partition& partition, const PartitionAnswer& answer, TimePoint now);
    void on_partition_error(Partition& partition, Errc error, int32_t node, TimePoint now);
    void check_end(Partition& partition, const PartitionAnswer& answer);
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

    std::map<TopicPartition, Received> received_; ///< for good
    std::map<StreamId, Partition> partitions_;
    std::map<int32_t, Leader> leaders_;
    int64_t waiting_bytes_ = 0;          ///< of all partitions that are not paused
    config::Isolation lookup_isolation_; ///< of ListOffsets
    uint64_t metadata_version_ = ~uint64_t{0};
    uint64_t answers_ = 0;
    std::vector<Credit> credits_; ///< scratch
};

} // namespace ottla::core
