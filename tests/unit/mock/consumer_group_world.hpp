// A coordinator of groups of the new protocol with a clock that tests turn by hand, and topics "t" (four partitions) and
// "u" (two). Partitions are written as "t0 t1 u0".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "mock/consumer_group_coordinator.hpp"

namespace ottla::mock {

struct ConsumerGroupWorld : TopicsView {
    using Milliseconds = std::chrono::milliseconds;
    using Heartbeat = ConsumerGroupCoordinator::Heartbeat;
    using Answer = ConsumerGroupCoordinator::HeartbeatAnswer;

    static constexpr Milliseconds session{3'000};
    static constexpr Milliseconds rebalance_timeout{2'000};

    explicit ConsumerGroupWorld(ConsumerGroupOptions options = {.session_timeout = session, .heartbeat_interval = Milliseconds(1000)})
        : coordinator(classic, *this, options) {
        set_topic("t", 4);
        set_topic("u", 2);
    }

    // --- topics, of one letter each
    void set_topic(const std::string& name, int32_t partitions) {
        Uuid id;
        id.bytes.back() = static_cast<uint8_t>(name.front());
        topics[name] = {id, partitions};
        ++changes;
    }

    void drop_topic(const std::string& name) {
        topics.erase(name);
        ++changes;
    }

    std::optional<SubscribedTopic> find_by_name(const std::string& topic) const override {
        const auto found = topics.find(topic);
        return found == topics.end() ? std::nullopt : std::optional(found->second);
    }

    std::string name_of_topic(const Uuid& id) const override {
        for (const auto& [name, topic] : topics)
            if (topic.id == id)
                return name;
        return {};
    }

    std::vector<std::string> topic_names() const override {
        std::vector<std::string> names;
        for (const auto& [name, topic] : topics)
            names.push_back(name);
        return names;
    }

    uint64_t topics_epoch() const override { return changes; }

    static std::string text(const PartitionSet& partitions) {
        std::string out;
        for (const TopicIdPartition& each : partitions)
            out += (out.empty() ? "" : " ") + std::string(1, static_cast<char>(each.topic.bytes.back())) +
                   std::to_string(each.partition);
        return out;
    }

    static PartitionSet partitions(std::string_view text) {
        PartitionSet set;
        for (size_t at = 0; at < text.size(); at += 3) {
            Uuid id;
            id.bytes.back() = static_cast<uint8_t>(text[at]);
            set.insert({id, text[at + 1] - '0'});
        }
        return set;
    }

    // --- requests of members of "g"
    static Heartbeat joining(const std::string& id, std::vector<std::string> names = {"t"}) {
        return {
            .group = "g",
            .member = id,
            .client_id = "client",
            .rebalance_timeout = rebalance_timeout,
            .topics = std::move(names),
            .owned = PartitionSet()};
    }

    static Heartbeat beat(const std::string& id, int32_t epoch, std::optional<std::string_view> owned = {}) {
        Heartbeat request{.group = "g", .member = id, .epoch = epoch};
        if (owned)
            request.owned = partitions(*owned);
        return request;
    }

    Answer ask(const Heartbeat& request) { return coordinator.heartbeat(request, now); }

    /// "epoch: assignment", "epoch" or "error".
    std::string tell(const Heartbeat& request) {
        const Answer answer = ask(request);
        if (answer.error != Errc::no_error)
            return std::string(error_name(answer.error));
        return std::to_string(answer.epoch) + (answer.assignment ? ": " + text(*answer.assignment) : "");
    }

    std::string join(const std::string& id, std::vector<std::string> names = {"t"}) { return tell(joining(id, std::move(names))); }

    std::string hear(const std::string& id, int32_t epoch, std::optional<std::string_view> owned = {}) {
        return tell(beat(id, epoch, owned));
    }

    void advance(Milliseconds time) {
        now += time;
        for (const std::string& name : coordinator.due(now))
            coordinator.on_time(name, now);
    }

    const ConsumerGroup& group() const {
        const ConsumerGroup* found = coordinator.find("g");
        REQUIRE(found);
        return *found;
    }

    /// "Stable 3 (a 3: t0 t1) (b 3: t2 t3)": state, epoch, members with what they have.
    std::string state() const {
        const ConsumerGroup* known = coordinator.find("g");
        if (!known)
            return "none";
        std::string out = std::string(name_of(known->state())) + " " + std::to_string(known->epoch());
        for (const auto& [id, member] : known->members()) {
            PartitionSet held = keys_of(member.assigned);
            held.merge(keys_of(member.revoking));
            out += " (" + id + " " + std::to_string(member.epoch) + ": " + text(held) + ")";
        }
        return out;
    }

    GroupCoordinator classic;
    ConsumerGroupCoordinator coordinator;
    std::map<std::string, SubscribedTopic> topics;
    uint64_t changes = 0;
    TimePoint now{};
};

} // namespace ottla::mock
