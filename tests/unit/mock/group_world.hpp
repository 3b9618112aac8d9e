// A coordinator of groups with a clock that tests turn by hand. Members speak to it in single requests; those that wait
// have numbers, by which their answers are found later.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "mock/group_coordinator.hpp"

namespace ottla::mock {

inline std::vector<uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

struct GroupWorld {
    using Milliseconds = std::chrono::milliseconds;
    using Join = GroupCoordinator::Join;
    using Joined = GroupCoordinator::JoinAnswer;
    using Sync = GroupCoordinator::Sync;
    using Synced = GroupCoordinator::SyncAnswer;

    static constexpr Milliseconds session{10'000};
    static constexpr Milliseconds rebalance_timeout{60'000};

    explicit GroupWorld(GroupOptions options = {})
        : coordinator(options) {}

    // --- requests
    /// What a member of "g" says when it joins.
    static Join member(const std::string& id = "", std::vector<GroupProtocol> protocols = {{"range", {}}}) {
        Join join;
        join.group = "g";
        join.member = id;
        join.client_id = "client";
        join.session_timeout = session;
        join.rebalance_timeout = rebalance_timeout;
        join.protocol_type = "consumer";
        join.protocols = std::move(protocols);
        return join;
    }

    static Join static_member(const std::string& instance_id, const std::string& id = "") {
        Join join = member(id);
        join.instance_id = instance_id;
        return join;
    }

    Sync sync_of(const std::string& id, int32_t generation) const {
        Sync sync;
        sync.group = "g";
        sync.member = id;
        sync.generation = generation;
        return sync;
    }

    Waiter ask(const Join& request) {
        const Waiter waiter = next_waiter++;
        if (auto answer = coordinator.join(request, waiter, now))
            joins[waiter] = *answer;
        collect();
        return waiter;
    }

    Waiter ask(const Sync& request) {
        const Waiter waiter = next_waiter++;
        if (auto answer = coordinator.sync(request, waiter, now))
            syncs[waiter] = *answer;
        collect();
        return waiter;
    }

    /// The answer must come at once.
    Joined join(const Join& request) {
        const auto answer = joined(ask(request));
        REQUIRE(answer);
        return *answer;
    }

    Synced sync(const Sync& request) {
        const auto answer = synced(ask(request));
        REQUIRE(answer);
        return *answer;
    }

    /// An id that is given out, and not used yet.
    std::string new_id() {
        const Joined answer = join(member());
        REQUIRE(answer.error == Errc::member_id_required);
        return answer.member;
    }

    Errc heartbeat(const std::string& id, std::optional<int32_t> of_generation = std::nullopt) {
        return coordinator.heartbeat("g", {id}, of_generation.value_or(generation()), now);
    }

    Errc leave(const std::string& id) {
        const auto errors = coordinator.leave("g", {{id}}, now);
        collect();
        return errors.at(0);
    }

    // --- what became of them
    std::optional<Joined> joined(Waiter waiter) const {
        const auto found = joins.find(waiter);
        return found == joins.end() ? std::nullopt : std::optional(found->second);
    }

    std::optional<Synced> synced(Waiter waiter) const {
        const auto found = syncs.find(waiter);
        return found == syncs.end() ? std::nullopt : std::optional(found->second);
    }

    std::optional<Errc> join_error(Waiter waiter) const {
        const auto answer = joined(waiter);
        return answer ? std::optional(answer->error) : std::nullopt;
    }

    std::optional<Errc> sync_error(Waiter waiter) const {
        const auto answer = synced(waiter);
        return answer ? std::optional(answer->error) : std::nullopt;
    }

    void advance(Milliseconds time) {
        now += time;
        for (const std::string& name : coordinator.due(now))
            coordinator.on_time(name, now);
        collect();
    }

    void collect() {
        for (const Waiter waiter : coordinator.take_answered()) {
            if (auto answer = coordinator.take_join(waiter))
                joins[waiter] = *answer;
            if (auto answer = coordinator.take_sync(waiter))
                syncs[waiter] = *answer;
        }
    }

    const Group& group() const {
        const Group* found = coordinator.find("g");
        REQUIRE(found);
        return *found;
    }

    GroupState state() const { return group().state(); }

    int32_t generation() const { return group().generation(); }

    std::vector<std::string> ids() const {
        std::vector<std::string> all;
        for (const GroupMember& each : group().members())
            all.push_back(each.id);
        return all;
    }

    // --- scenes
    /// Every member has joined; all sync, the leader assigns each its own id.
    void assign() {
        REQUIRE(state() == GroupState::completing_rebalance);
        for (const std::string& id : ids()) {
            Sync sync = sync_of(id, generation());
            if (id == group().leader())
                for (const std::string& each : ids())
                    sync.assignments[each] = bytes_of(each);
            ask(sync);
        }
        REQUIRE(state() == GroupState::stable);
    }

    /// A stable group with so many members more, by the order in which they came; the first one leads.
    std::vector<std::string> grow(int count) {
        for (int i = 0; i < count; ++i) {
            const auto known = coordinator.find("g") ? ids() : std::vector<std::string>{};
            ask(member(new_id()));
            for (const std::string& id : known)
                ask(member(id));
            assign();
        }
        return ids();
    }

    /// A stable group of static members with these instance ids.
    std::vector<std::string> grow_static(const std::vector<std::string>& instances) {
        for (const std::string& instance : instances) {
            const auto known = coordinator.find("g") ? group().members() : std::vector<GroupMember>{};
            ask(static_member(instance));
            for (const GroupMember& each : known)
                ask(static_member(*each.instance_id, each.id));
            assign();
        }
        return ids();
    }

    GroupCoordinator coordinator;
    TimePoint now{};
    Waiter next_waiter = 1;
    std::map<Waiter, Joined> joins;
    std::map<Waiter, Synced> syncs;
};

} // namespace ottla::mock
