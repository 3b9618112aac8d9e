// The incremental fetch sessions of one broker (KIP-227): what its clients read, so that requests and answers say only
// what has changed. As much is kept as there are slots; who makes room for whom is Kafka's rule. Knows no logs.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/msg/fetch.hpp>
#include <ottla/types.hpp>

#include "base/rng.hpp"

namespace ottla::mock {

/// A partition that is read, as the client last asked for it.
struct FetchedPartition {
    std::string topic;
    Uuid topic_id;
    msg::fetch_request::FetchPartition asked;
    int64_t high_watermark = -1; ///< last told; -1: to be told in any case
    int64_t log_start = -1;      ///< likewise
};

class FetchSession {
public:
    FetchSession(int32_t number, bool has_ids, TimePoint now)
        : id(number)
        , by_id(has_ids)
        , created(now)
        , used(now) {}

    /// Adds and changes first, forgets then.
    void update(const msg::FetchRequest& request);
    void add(FetchedPartition partition);

    const int32_t id;
    const bool by_id; ///< topics go by their ids (version 13 and later)
    const TimePoint created;
    TimePoint used;
    int32_t epoch = 1; ///< that the next request must have
    /// In the order in which an answer is filled: what brought records goes to the end.
    std::list<FetchedPartition> partitions;
    using Place = std::list<FetchedPartition>::iterator;
    /// Whether the answer must have this partition, which is then noted as told.
    bool note(Place place, const msg::fetch_response::PartitionData& answer);

private:
    using Key = std::tuple<std::string, Uuid, int32_t>;
    Key key_of(const std::string& topic, const Uuid& id, int32_t partition) const;

    std::map<Key, Place> places_;
};

struct FetchSessionLimits {
    size_t slots = 1000;                                                        ///< max.incremental.fetch.session.cache.slots
    std::chrono::milliseconds eviction = std::chrono::milliseconds(120'000); ///< how long a session is safe
};

class FetchSessions {
public:
    FetchSessions(FetchSessionLimits limits, uint64_t seed)
        : limits_(limits)
        , rng_(seed) {}

    /// The session that goes on with this request, whose partitions are then as it says. Errors: fetch_session_id_not_found,
    /// invalid_fetch_session_epoch, fetch_session_topic_id_error.
    Result<std::shared_ptr<FetchSession>> go_on(const msg::FetchRequest& request, bool by_id, TimePoint now);
    /// A new session, for `size` partitions; null when no older one has to make room for it.
    std::shared_ptr<FetchSession> begin(size_t size, bool by_id, TimePoint now);
    void end(int32_t id) { sessions_.erase(id); }

    size_t count() const { return sessions_.size(); }

private:
    bool make_room(size_t size, TimePoint now);

    const FetchSessionLimits limits_;
    Rng rng_;
    std::map<int32_t, std::shared_ptr<FetchSession>> sessions_;
};

} // namespace ottla::mock
