// Makes trouble in a world for a while, by its seed, then heals everything that can be healed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sim/client_loop.hpp"
#include "sim/world.hpp"

namespace ottla::sim {

class Trouble {
public:
    struct Options {
        TimePoint until;
        bool lose_tails = false;       ///< brokers that end may lose what they have not acknowledged
        bool errors_that_stay = false; ///< errors that a batch fails by
        bool fatal_errors = false;
        std::string transactional_id{}; ///< set: its coordinator suffers too
        std::string group{};            ///< likewise
        bool classic_members = true;    ///< of the group: they speak the classic protocol
        bool consumer_members = false;  ///< they speak the new one (KIP-848)
    };

    Trouble(World& world, std::vector<ClientLoop*> loops)
        : world_(world)
        , loops_(std::move(loops)) {}

    /// Another loop that may stand still. They live as long as this.
    void add(ClientLoop& loop) { loops_.push_back(&loop); }

    /// Plans what happens from now until `options.until`.
    void begin(const Options& options);
    /// Brokers are up, doors open, bytes flow again. What is gone without anybody being told stays so.
    void heal();

    /// Errors that brokers were made to answer.
    const std::set<Errc>& injected() const { return injected_; }

private:
    void strike(Fault fault);
    bool strike_stream(Fault fault);
    bool strike_broker(Fault fault);
    bool strike_request(Fault fault);
    void crash(bool lose_tail);
    bool move_leader();
    bool move_coordinator(mock::ClusterCore::CoordinatorOf kind, const std::string& key);
    bool strike_group(Fault fault, int32_t broker, int count);
    int32_t any_broker();

    World& world_;
    std::vector<ClientLoop*> loops_;
    Options options_{};
    std::set<Errc> injected_;
    bool healed_ = true;
};

} // namespace ottla::sim
