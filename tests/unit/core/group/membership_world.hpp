// A group member of either protocol in virtual time, with real metadata; the test is its coordinator.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "catch.hpp"
#include "core/group/membership.hpp"
#include "unit/core/fetch/fetch_world.hpp"

namespace ottla::test {

using core::group::Rebalance;
using Lines = std::vector<std::string>;

inline std::string text_of(const std::vector<TopicPartition>& partitions) {
    std::string text;
    for (const auto& p : partitions)
        text += fmt::format(" {}{}", p.topic, p.partition);
    return text;
}

/// Topics have ids of their first letter. Whoever derives makes the member.
template <class Member>
struct MembershipWorld : core::group::MemberEvents {
    explicit MembershipWorld(const std::optional<std::string>& instance) {
        config.group_id = "g";
        config.group_instance_id = instance.value_or("");
        config.max_poll_interval = 60s;
        metadata.emplace(caller, core::MetadataConfig{}, 7);
    }

    typename Member::Ports ports() { return {caller, *metadata, *this, clock, 3}; }

    void start() {
        scheduler.add(*metadata);
        scheduler.add(*member);
    }

    void on_step(const Rebalance& step) override {
        static constexpr const char* words[] = {"assign", "revoke", "lost"};
        log.push_back(std::string(words[static_cast<int>(step.kind)]) + (step.incremental ? "+" : "") + text_of(step.partitions));
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
            auto asked = caller.template take<msg::MetadataRequest>();
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
                const auto known = partitions.find(name);
                for (int32_t p = 0; known != partitions.end() && p < known->second; ++p) {
                    auto& line = out.partitions.emplace_back();
                    line.partition_index = p;
                    line.leader_id = 1;
                }
                if (out.partitions.empty())
                    out.error_code = static_cast<int16_t>(Errc::unknown_topic_or_part);
                else
                    out.topic_id = id_of(name.front());
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
        auto taken = caller.template take<Request>();
        REQUIRE(taken);
        return std::move(*taken);
    }

    FakeCaller caller;
    config::ClientConfig config;
    core::group::PollClock clock;
    core::Scheduler scheduler;
    std::optional<core::Metadata> metadata;
    std::optional<Member> member;
    TimePoint now{std::chrono::hours(1)};
    TimePoint next = core::never;
    std::map<std::string, int32_t> partitions{{"t", 3}, {"u", 1}};
    Lines log;
    int told = 0;
    int heard = 0;
};

} // namespace ottla::test
