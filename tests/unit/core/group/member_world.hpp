// A member of the classic protocol in virtual time; the test is its coordinator.
#pragma once

#include "core/group/classic_member.hpp"
#include "core/group/consumer_protocol.hpp"
#include "unit/core/group/membership_world.hpp"

namespace ottla::test {

using core::group::ClassicMember;

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

struct MemberWorld : MembershipWorld<ClassicMember> {
    explicit MemberWorld(bool cooperative = false, std::optional<std::string> instance = {}) : MembershipWorld(instance) {
        config.session_timeout = 10s;
        config.heartbeat_interval = 3s;
        auto made = std::make_unique<TestAssignor>("test", cooperative);
        assignor = made.get();
        core::group::Assignors assignors;
        assignors.push_back(std::move(made));
        member.emplace(ports(), config, std::move(assignors), 7);
        start();
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

    TestAssignor* assignor = nullptr; ///< the member's
};

} // namespace ottla::test
