// A group member in virtual time, with real metadata; the test is its coordinator.
#pragma once

#include <fmt/format.h>

#include "catch.hpp"
#include "core/group/classic_member.hpp"
#include "core/group/consumer_protocol.hpp"
#include "unit/core/fetch/fetch_world.hpp"

namespace ottla::test {

using core::group::ClassicMember;
using core::group::Rebalance;
using Lines = std::vector<std::string>;

/// Deals partition i of each topic to member i mod n, by id. Cooperative: never what another member holds.
class TestAssignor final : public PartitionAssignor {
public:
    TestAssignor(std::string name, bool cooperative) : name_(std::move(name)), cooperative_(cooperative) {}

    std::string name() const override { return name_; }
    bool supports(RebalanceProtocol protocol) const override {
        return protocol == (cooperative_ ? RebalanceProtocol::cooperative : RebalanceProtocol::eager);
    }
    Result<GroupAssignment> assign(std::span<const TopicLayout> topics, std::span<const GroupMember> members) override {
        if (fails)
            return Error(Errc::_invalid_arg, "the assignor fails");
        std::map<std::string, const GroupMember*> sorted;
        for (const auto& member : members)
            sorted[member.id] = &member;
        GroupAssignment all;
        for (const auto& topic : topics)
            for (int32_t i = 0; i < topic.partitions; ++i) {
                const auto& to = std::next(sorted.begin(), i % static_cast<int32_t>(sorted.size()))->first;
                all[to].partitions.push_back({topic.name, i});
            }
        return all;
    }

    bool fails = false;

private:
    const std::string name_;
    const bool cooperative_;
};

inline std::string text_of(const std::vector<TopicPartition>& partitions) {
    std::string text;
    for (const auto& p : partitions)
        text += fmt::format(" {}{}", p.topic, p.partition);
    return text;
}

struct MemberWorld : core::group::MemberEvents {
    explicit MemberWorld(bool cooperative = false, std::optional<std::string> instance = {}) {
        config.group_id = "g";
        config.group_instance_id = instance.value_or("");
        config.session_timeout = 10s;
        config.heartbeat_interval = 3s;
        config.max_poll_interval = 60s;
        auto made = std::make_unique<TestAssignor>("test", cooperative);
        assignor = made.get();
        core::group::Assignors assignors;
        assignors.push_back(std::move(made));
        metadata.emplace(caller, core::MetadataConfig{}, 7);
        member.emplace(
            ClassicMember::Ports{caller, *metadata, *this, clock, 3}, config, std::move(assignors), 7
        );
        scheduler.add(*metadata);
        scheduler.add(*member);
    }

    void on_step(const Rebalance& step) override {
        static constexpr const char* words[] = {"assign", "revoke", "lost"};
        log.push_back(std::string(words[static_cast<int>(step.kind)]) + (step.incremental ? "+" : "") + text_of(step.partitions));
        ++told;
    }
    void on_trouble(const Error& error) override { log.push_back("trouble " + error_name(error.errc())); }

    void run() {
        for (int i = 0; i < 20; ++i) {
            next = scheduler.run(now);
            auto asked = caller.take<msg::MetadataRequest>();
            if (!asked)
                return;
            msg::MetadataResponse response;
            auto& broker = response.brokers.emplace_back();
            broker.node_id = 1;
            broker.host = "b";
            broker.port = 9092;
            std::vector<std::string> names;
            if (asked->first.topics)
                for (const auto& topic : *asked->first.topics)
                    names.push_back(*topic.name);
            else
                for (const auto& [name, count] : partitions)
                    names.push_back(name);
            for (const auto& name : names) {
                auto& out = response.topics.emplace_back();
                out.name = name;
                out.is_internal = name.starts_with("__");
                for (int32_t p = 0; p < partitions[name]; ++p) {
                    auto& line = out.partitions.emplace_back();
                    line.partition_index = p;
                    line.leader_id = 1;
                }
                if (out.partitions.empty())
                    out.error_code = static_cast<int16_t>(Errc::unknown_topic_or_part);
            }
            caller.answer(asked->second, response, now);
        }
    }
    void advance(Duration by, bool polls = true) {
        for (const TimePoint end = now + by; now < end;) {
            now = std::min(end, now + 500ms);
            if (polls)
                ++clock.calls;
            run();
        }
    }
    Lines take_log() { return std::exchange(log, {}); }
    void subscribe(std::vector<std::string> topics) {
        member->subscribe(std::move(topics), "the application says so", now);
        run();
    }
    /// The application has done one step.
    void step() {
        REQUIRE(told > 0);
        --told;
        member->on_step_done();
        run();
    }

    template <class Request>
    std::pair<Request, core::PendingCall> take() {
        auto taken = caller.take<Request>();
        REQUIRE(taken);
        return std::move(*taken);
    }
    template <class Request>
    bool asks() const {
        return caller.waiting<Request>() > 0;
    }

    /// JoinGroup: the member is `id`, and leads `others` if there are any.
    msg::JoinGroupRequest join(const std::string& id, int32_t generation, std::vector<GroupMember> others = {}, bool leads = true, bool skip = false) {
        auto [request, call] = take<msg::JoinGroupRequest>();
        msg::JoinGroupResponse response;
        response.generation_id = generation;
        response.protocol_type = "consumer";
        response.protocol_name = "test";
        response.member_id = id;
        response.leader = leads ? id : "somebody";
        response.skip_assignment = skip;
        if (leads) {
            auto& self = response.members.emplace_back();
            self.member_id = id;
            self.metadata = request.protocols.at(0).metadata;
            for (const auto& other : others) {
                auto& line = response.members.emplace_back();
                line.member_id = other.id;
                const Buffer bytes = core::group::encode_subscription(other).value();
                line.metadata.assign(bytes.data(), bytes.data() + bytes.size());
            }
        }
        caller.answer(call, response, now);
        run();
        return request;
    }
    void refuse_join(Errc code, const std::string& member_id = "") {
        auto [request, call] = take<msg::JoinGroupRequest>();
        msg::JoinGroupResponse response;
        response.error_code = static_cast<int16_t>(code);
        response.member_id = member_id;
        caller.answer(call, response, now);
        run();
    }
    /// SyncGroup: gives this member what the leader (itself) has dealt to it, or `given`.
    msg::SyncGroupRequest sync(std::optional<std::vector<TopicPartition>> given = {}, Errc code = Errc::no_error) {
        auto [request, call] = take<msg::SyncGroupRequest>();
        msg::SyncGroupResponse response;
        response.error_code = static_cast<int16_t>(code);
        if (given) {
            const Buffer bytes = core::group::encode_assignment({.partitions = *given}).value();
            response.assignment.assign(bytes.data(), bytes.data() + bytes.size());
        } else {
            for (const auto& line : request.assignments)
                if (line.member_id == request.member_id)
                    response.assignment = line.assignment;
        }
        caller.answer(call, response, now);
        run();
        return request;
    }
    msg::HeartbeatRequest beat(Errc code = Errc::no_error) {
        auto [request, call] = take<msg::HeartbeatRequest>();
        msg::HeartbeatResponse response;
        response.error_code = static_cast<int16_t>(code);
        caller.answer(call, response, now);
        run();
        return request;
    }
    /// Alone in the group, in generation 1, with all partitions of t.
    void settle() {
        subscribe({"t"});
        join("me", 1);
        sync();
        step();
        take_log();
    }

    static std::vector<TopicPartition> given(const msg::SyncGroupRequest& request, const std::string& to) {
        for (const auto& line : request.assignments)
            if (line.member_id == to)
                return core::group::decode_assignment(Buffer::copy_of(Bytes(line.assignment.data(), line.assignment.size())))
                    .value()
                    .partitions;
        return {};
    }

    FakeCaller caller;
    config::ClientConfig config;
    core::group::PollClock clock;
    TestAssignor* assignor = nullptr; ///< the member's
    core::Scheduler scheduler;
    std::optional<core::Metadata> metadata;
    std::optional<ClassicMember> member;
    TimePoint now{std::chrono::hours(1)};
    TimePoint next = core::never;
    std::map<std::string, int32_t> partitions{{"t", 3}, {"u", 1}};
    Lines log;
    int told = 0;
};

} // namespace ottla::test
