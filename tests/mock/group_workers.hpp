// Consumers of one group against the embedded cluster, each on a thread of its own.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

namespace ottla::test {

struct GroupWorld : ConsumerWorld {
    GroupWorld() : ConsumerWorld({.group_min_session_timeout = 100ms, .group_consumer_session_timeout = 5s, .group_consumer_heartbeat_interval = 50ms}) {
        REQUIRE_FALSE(cluster.create_topic("t", 4));
        for (int32_t p = 0; p < 4; ++p)
            fill("t", p, 10, "p" + std::to_string(p) + "-");
    }

    Config member(std::initializer_list<std::pair<const std::string, std::string>> more = {}) const {
        Config all = config({{"group.id", "g"}, {"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "50"}, {"fetch.wait.max.ms", "20"}});
        for (const auto& [name, value] : more)
            all.set(name, value);
        return all;
    }

    /// Of the new protocol (KIP-848).
    Config new_member(std::initializer_list<std::pair<const std::string, std::string>> more = {}) const {
        Config all = config({{"group.id", "g"}, {"group.protocol", "consumer"}, {"fetch.wait.max.ms", "20"}});
        for (const auto& [name, value] : more)
            all.set(name, value);
        return all;
    }
};

/// A member on a thread of its own, which polls until told to end.
class Worker {
public:
    Worker(const Config& config, RebalanceHandlers handlers = {}, std::vector<std::string> topics = {"t"}) : consumer_(config) {
        consumer_.subscribe(std::move(topics), std::move(handlers));
        thread_ = std::thread([this] {
            while (!end_) {
                const auto message = consumer_.poll(20ms);
                std::lock_guard lock(mutex_);
                if (message && !message->error())
                    values_.emplace_back(message->value().text());
                else if (message)
                    errors_.push_back(message->error().errc());
                assignment_ = consumer_.assignment();
            }
            consumer_.close();
        });
    }
    ~Worker() { stop(); }

    void stop() {
        end_ = true;
        if (thread_.joinable())
            thread_.join();
    }
    std::vector<TopicPartition> assignment() {
        std::lock_guard lock(mutex_);
        return assignment_;
    }
    std::vector<std::string> values() {
        std::lock_guard lock(mutex_);
        return values_;
    }

private:
    Consumer consumer_;
    std::atomic<bool> end_{false};
    std::mutex mutex_;
    std::vector<std::string> values_;
    std::vector<Errc> errors_;
    std::vector<TopicPartition> assignment_;
    std::thread thread_;
};

template <class F>
bool comes(F f) {
    for (const auto deadline = Clock::now() + 20s; Clock::now() < deadline; std::this_thread::sleep_for(5ms))
        if (f())
            return true;
    return false;
}

/// All four, none twice.
inline bool divide(std::initializer_list<Worker*> workers, size_t each) {
    std::set<TopicPartition> all;
    for (Worker* worker : workers) {
        const auto own = worker->assignment();
        if (own.size() != each)
            return false;
        all.insert(own.begin(), own.end());
    }
    return all.size() == 4;
}

/// Two members share, and when one leaves the other goes on with all; nothing is done twice.
inline void share_as_they_come_and_go(GroupWorld& world, const Config& config) {
    Worker first(config);
    CHECK(comes([&] { return first.values().size() == 40; }));
    Worker second(config);
    CHECK(comes([&] { return divide({&first, &second}, 2); }));
    for (int32_t p = 0; p < 4; ++p)
        world.fill("t", p, 5, "again" + std::to_string(p) + "-");
    CHECK(comes([&] { return first.values().size() + second.values().size() == 60; }));
    first.stop();
    CHECK(comes([&] { return divide({&second}, 4); }));
    const auto a = first.values();
    const auto b = second.values();
    std::multiset<std::string> all(a.begin(), a.end());
    all.insert(b.begin(), b.end());
    CHECK(all.size() == 60);
    CHECK(std::set(all.begin(), all.end()).size() == 60); // each once: all left in peace
}

} // namespace ottla::test
