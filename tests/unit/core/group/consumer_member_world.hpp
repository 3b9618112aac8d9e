// A member of the new protocol in virtual time; the test is its coordinator.
#pragma once

#include "core/group/consumer_member.hpp"
#include "unit/core/group/membership_world.hpp"

namespace ottla::test {

using core::group::ConsumerMember;
using Beat = msg::ConsumerGroupHeartbeatRequest;

struct ConsumerMemberWorld : MembershipWorld<ConsumerMember> {
    explicit ConsumerMemberWorld(std::optional<std::string> instance = {}) : MembershipWorld(instance) {
        member.emplace(ports(), config, 7);
        start();
    }

    /// Each is a change; the log does not say so.
    void on_step(const Rebalance& step) override {
        CHECK(step.incremental);
        Rebalance plain = step;
        plain.incremental = false;
        MembershipWorld::on_step(plain);
    }

    bool beats() const { return caller.waiting<Beat>() > 0; }

    /// The heartbeat that is under way, answered: `given` is as "t0 t1", none: no change.
    Beat answer(int32_t epoch, std::optional<std::string_view> given = {}) {
        auto taken = take<Beat>();
        Beat::Response response;
        response.member_id = taken.first.member_id;
        response.member_epoch = epoch;
        response.heartbeat_interval_ms = 1000;
        if (given) {
            auto& topics = response.assignment.emplace().topic_partitions;
            for (size_t at = 0; at < given->size(); at += 3) {
                const Uuid id = id_of((*given)[at]);
                if (topics.empty() || topics.back().topic_id != id)
                    topics.emplace_back().topic_id = id;
                topics.back().partitions.push_back((*given)[at + 1] - '0');
            }
        }
        caller.answer(taken.second, response, now);
        run();
        return taken.first;
    }

    Beat refuse(Errc code) {
        auto taken = take<Beat>();
        Beat::Response response;
        response.error_code = static_cast<int16_t>(code);
        caller.answer(taken.second, response, now);
        run();
        return taken.first;
    }

    /// "none" when it does not say.
    static std::string owned(const Beat& beat) {
        if (!beat.topic_partitions)
            return "none";
        std::string text;
        for (const auto& topic : *beat.topic_partitions)
            for (const int32_t partition : topic.partitions)
                text += fmt::format("{}{}{}", text.empty() ? "" : " ", static_cast<char>(topic.topic_id.bytes.back()), partition);
        return text;
    }

    /// Alone in the group, at epoch 2, with all partitions of t, acknowledged.
    void settle() {
        subscribe({"t"});
        answer(2, "t0 t1 t2");
        step();
        CHECK(owned(answer(2)) == "t0 t1 t2");
        take_log();
    }
};

} // namespace ottla::test
