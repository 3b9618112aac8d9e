// A member of the new protocol in virtual time, with real metadata; the test is its coordinator. Topics have ids of one letter.
#pragma once

#include <fmt/format.h>

#include "catch.hpp"
#include "core/group/consumer_member.hpp"
#include "unit/core/fetch/fetch_world.hpp"

namespace ottla::test {

using core::group::ConsumerMember;
using core::group::Rebalance;
using Lines = std::vector<std::string>;
using Beat = msg::ConsumerGroupHeartbeatRequest;

struct ConsumerMemberWorld : core::group::MemberEvents {
    explicit ConsumerMemberWorld(std::optional<std::string> instance = {}) {
        config.group_id = "g";
        config.group_instance_id = instance.value_or("");
        config.max_poll_interval = 60s;
        metadata.emplace(caller, core::MetadataConfig{}, 7);
        member.emplace(ConsumerMember::Ports{caller, *metadata, *this, clock, 3}, config, 7);
        scheduler.add(*metadata);
        scheduler.add(*member);
    }

    void on_step(const Rebalance& step) override {
        static constexpr const char* words[] = {"assign", "revoke", "lost"};
        std::string line = words[static_cast<int>(step.kind)];
        for (const auto& p : step.partitions)
            line += fmt::format(" {}{}", p.topic, p.partition);
        log.push_back(line);
        CHECK(step.incremental);
        ++told;
    }

    void on_trouble(const Error& error) override { log.push_back("trouble " + error_name(error.errc())); }

    void on_heard() override { ++heard; }

    static Uuid id_of(char topic) {
        Uuid id;
        id.bytes.back() = static_cast<uint8_t>(topic);
        return id;
    }

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
            for (const auto& [name, count] : partitions) {
                if (asked->first.topics && std::none_of(asked->first.topics->begin(), asked->first.topics->end(), [&](const auto& topic) {
                        return topic.name == name;
                    }))
                    continue;
                auto& out = response.topics.emplace_back();
                out.name = name;
                out.topic_id = id_of(name.front());
                for (int32_t p = 0; p < count; ++p) {
                    auto& line = out.partitions.emplace_back();
                    line.partition_index = p;
                    line.leader_id = 1;
                }
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

    bool beats() const { return caller.waiting<Beat>() > 0; }

    /// The heartbeat that is under way, answered: `given` is as "t0 t1", none: no change.
    Beat answer(int32_t epoch, std::optional<std::string_view> given = {}) {
        auto taken = caller.take<Beat>();
        REQUIRE(taken);
        Beat::Response response;
        response.member_id = taken->first.member_id;
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
        caller.answer(taken->second, response, now);
        run();
        return taken->first;
    }

    Beat refuse(Errc code) {
        auto taken = caller.take<Beat>();
        REQUIRE(taken);
        Beat::Response response;
        response.error_code = static_cast<int16_t>(code);
        caller.answer(taken->second, response, now);
        run();
        return taken->first;
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

    FakeCaller caller;
    config::ClientConfig config;
    core::group::PollClock clock;
    core::Scheduler scheduler;
    std::optional<core::Metadata> metadata;
    std::optional<ConsumerMember> member;
    TimePoint now{std::chrono::hours(1)};
    TimePoint next = core::never;
    std::map<std::string, int32_t> partitions{{"t", 3}, {"u", 1}};
    Lines log;
    int told = 0;
    int heard = 0;
};

} // namespace ottla::test
