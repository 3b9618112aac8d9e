// What is known of the cluster: brokers, controller, topics, leaders. Asks for topics that someone wants, refreshes what
// grows old or proves wrong (KIP-516 topic ids, leader epochs). Does not decide where a request goes: that is the router.
#pragma once

#include <map>
#include <optional>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/msg/metadata.hpp>
#include <ottla/types.hpp>

#include "base/backoff.hpp"
#include "base/move_only_function.hpp"
#include "core/call.hpp"
#include "core/core.hpp"
#include "core/events.hpp"

namespace ottla::core {

struct BrokerInfo {
    int32_t id = -1;
    std::string host;
    uint16_t port = 0;
    std::string rack;
    bool operator==(const BrokerInfo&) const = default;
};

struct PartitionInfo {
    int32_t leader = -1;       ///< -1: none now
    int32_t leader_epoch = -1; ///< -1: not told
    Errc error = Errc::no_error;
    std::vector<int32_t> replicas;
    std::vector<int32_t> isr;
};

struct TopicInfo {
    std::string name;
    Uuid id; ///< zero: the broker is too old to tell
    Errc error = Errc::no_error;
    bool internal = false;
    std::vector<PartitionInfo> partitions; ///< by partition id
};

struct MetadataConfig {
    Duration max_age = std::chrono::minutes(15);             ///< metadata.max.age.ms
    Duration refresh_interval = std::chrono::minutes(5);     ///< topic.metadata.refresh.interval.ms; zero: off
    BackoffRange retry{};                                    ///< retry.backoff.ms, retry.backoff.max.ms
    Duration propagation_max = std::chrono::seconds(30);     ///< topic.metadata.propagation.max.ms
    std::string excluded{};                                  ///< topic.blacklist
    bool allow_auto_create = true;                           ///< allow.auto.create.topics
    Duration request_timeout = std::chrono::seconds(60);
};

class Metadata final : public Core {
public:
    Metadata(Caller& caller, MetadataConfig config, uint64_t seed, Log log = {});

    // --- what is known
    const std::map<int32_t, BrokerInfo>& brokers() const { return brokers_; }
    int32_t controller_id() const { return controller_; }
    /// False when the last answer came from a broker so old (0.9) that it cannot tell which one is the controller.
    bool names_controller() const { return names_controller_; }
    const std::string& cluster_id() const { return cluster_id_; }
    /// Null while no answer about `topic` has come.
    const TopicInfo* find(const std::string& topic) const;
    /// Null likewise, or when there is no such partition.
    const PartitionInfo* find(const std::string& topic, int32_t partition) const;
    /// Name of a topic id; empty if not known.
    std::string topic_of(const Uuid& id) const;
    /// Topics that answers have told of.
    size_t topic_count() const { return topics_.size(); }
    /// When the last answer came.
    TimePoint last_answer() const { return last_answer_; }
    /// Counts every change of what is known.
    uint64_t version() const { return version_; }

    // --- what is wanted
    /// Keeps `topic` known from now on; counted: as many `drop`s undo it.
    void want(const std::string& topic);
    void drop(const std::string& topic);
    /// Likewise of all topics there are, those that come later too, found when metadata are refreshed.
    void want_all();
    void drop_all();
    bool knows_all() const { return knows_all_; }
    /// Topics that answers have told of, by name.
    const std::unordered_map<std::string, TopicInfo>& topics() const { return topics_; }
    /// Asks again soon (backing off between asks): something known proved stale. `why` goes to the log.
    template <class... Args>
    void refresh(fmt::format_string<Args...> why, Args&&... args) {
        if (std::exchange(refresh_asked_, true))
            return;
        log_.debug(LogContext::metadata, "REFRESH", why, std::forward<Args>(args)...);
        wake();
    }
    /// A response named a newer leader (KIP-951).
    void hint_leader(const std::string& topic, int32_t partition, int32_t leader, int32_t leader_epoch);
    void hint_broker(BrokerInfo broker);

    /// Runs `f` on the owning thread after each answer that changed something; until the scope ends.
    void on_change(const CallScope& scope, MoveOnlyFunction<void(TimePoint)> f);

    /// `f` is told, once each time, what keeps a wanted topic from being used when it is no passing thing: whoever waits for
    /// it should know why.
    void on_hindrance(MoveOnlyFunction<void(const std::string&)> f) { tell_hindrance_ = std::move(f); }

    TimePoint poll(TimePoint now) override;

private:
    struct Want {
        int count = 0;
        bool asked = false; ///< in some request since it is wanted
        std::optional<TimePoint> hindered_since;
        bool hindrance_told = false;
    };
    struct Listener {
        std::weak_ptr<const char> scope;
        MoveOnlyFunction<void(TimePoint)> f;
    };

    void ask();
    void forget_unwanted();
    void forget_missing(const msg::MetadataResponse& response);
    void log_changes(const TopicInfo* known, const TopicInfo& fresh) const;
    void adopt(msg::metadata_response::MetadataResponse response, TimePoint now);
    bool all_answered() const;
    bool is_excluded(const std::string& topic) const;
    void judge_hindrances(TimePoint now);

    Caller& caller_;
    MetadataConfig config_;
    Rng rng_;
    const Log log_;
    std::vector<std::regex> excluded_;
    CallScope scope_;

    std::map<int32_t, BrokerInfo> brokers_;
    int32_t controller_ = -1;
    bool names_controller_ = true;
    std::string cluster_id_;
    std::unordered_map<std::string, TopicInfo> topics_;
    std::unordered_map<Uuid, std::string> names_;
    std::unordered_map<std::string, Want> wants_;
    int all_wanted_ = 0;
    bool knows_all_ = false; ///< since all are wanted, an answer about all has come
    std::vector<Listener> listeners_;
    MoveOnlyFunction<void(const std::string&)> tell_hindrance_;
    uint64_t version_ = 0;

    bool in_flight_ = false;
    bool refresh_asked_ = true; ///< the first answer is always wanted
    int tries_ = 0;
    TimePoint not_before_{};
    TimePoint last_answer_{};
};

} // namespace ottla::core
