// A cluster and members of groups that speak to it in requests, each over a connection of its own.
#pragma once

#include <string>
#include <vector>

#include <ottla/msg/heartbeat.hpp>
#include <ottla/msg/join_group.hpp>
#include <ottla/msg/leave_group.hpp>
#include <ottla/msg/offset_commit.hpp>
#include <ottla/msg/sync_group.hpp>

#include "unit/mock/group_world.hpp"
#include "unit/mock/transaction_world.hpp"

namespace ottla::mock {

struct GroupClusterWorld : TransactionWorld {
    explicit GroupClusterWorld(int brokers = 1, CoreOptions options = {})
        : TransactionWorld(brokers, std::move(options)) {}

    static msg::JoinGroupRequest join_request(const std::string& id, const std::string& group = "g") {
        msg::JoinGroupRequest request;
        request.group_id = group;
        request.session_timeout_ms = 10'000;
        request.rebalance_timeout_ms = 60'000;
        request.member_id = id;
        request.protocol_type = "consumer";
        auto& protocol = request.protocols.emplace_back();
        protocol.name = "range";
        protocol.metadata = bytes_of("m");
        return request;
    }

    static msg::SyncGroupRequest sync_request(const std::string& id, int32_t generation) {
        msg::SyncGroupRequest request;
        request.group_id = "g";
        request.generation_id = generation;
        request.member_id = id;
        request.protocol_type = "consumer";
        request.protocol_name = "range";
        return request;
    }

    ConnectionId connect() { return core.connect(group_coordinator("g")); }

    /// An id that is given out.
    std::string new_id(const std::string& group = "g") {
        const auto answer = ask(join_request("", group), 9, group_coordinator(group));
        REQUIRE(answer.error_code == number(Errc::member_id_required));
        return answer.member_id;
    }

    /// Makes a stable group of one member, and gives its id.
    std::string found(const std::string& group = "g") {
        const std::string id = new_id(group);
        const auto joined = ask(join_request(id, group), 9, group_coordinator(group));
        REQUIRE(joined.error_code == 0);
        auto sync = sync_request(id, joined.generation_id);
        sync.group_id = group;
        auto& assigned = sync.assignments.emplace_back();
        assigned.member_id = id;
        assigned.assignment = bytes_of("all");
        REQUIRE(ask(sync, 5, group_coordinator(group)).error_code == 0);
        return id;
    }

    Errc heartbeat(const std::string& id, int32_t generation, int32_t broker, int16_t version = 4) {
        msg::HeartbeatRequest request;
        request.group_id = "g";
        request.generation_id = generation;
        request.member_id = id;
        return static_cast<Errc>(ask(request, version, broker).error_code);
    }

    Errc heartbeat(const std::string& id, int32_t generation) {
        return heartbeat(id, generation, group_coordinator("g"));
    }

    Errc leave(const std::string& id, int16_t version = 5) {
        msg::LeaveGroupRequest request;
        request.group_id = "g";
        if (version < 3) {
            request.member_id = id;
            return static_cast<Errc>(ask(request, version, group_coordinator("g")).error_code);
        }
        request.members.emplace_back().member_id = id;
        const auto answer = ask(request, version, group_coordinator("g"));
        CHECK(answer.error_code == 0);
        return static_cast<Errc>(answer.members.at(0).error_code);
    }

    const Group& group() {
        const Group* known = core.groups().find("g");
        REQUIRE(known);
        return *known;
    }
};

} // namespace ottla::mock
