// What a member of a group tells its consumer.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

namespace ottla::core::group {

/// A step in what a member holds.
struct Rebalance {
    enum class Kind : uint8_t {
        assign,
        revoke, ///< commits are still possible
        lost,   ///< the group has taken them away already
    };
    Kind kind = Kind::assign;
    bool incremental = false; ///< `partitions` are the change only, else all
    std::vector<TopicPartition> partitions{};
    bool operator==(const Rebalance&) const = default;
};

/// How the application polls: it writes, the member looks now and then. Costs a poll no clock.
struct PollClock {
    std::atomic<uint64_t> calls{0};
    std::atomic<int32_t> inside{0}; ///< so many calls wait, maybe long
};

/// Called on the owning thread.
class MemberEvents {
public:
    virtual ~MemberEvents() = default;
    /// One at a time: answered by on_step_done.
    virtual void on_step(const Rebalance& step) = 0;
    /// What keeps this member from being in the group, and no retry alone will cure.
    virtual void on_trouble(const Error& error) = 0;
    /// A heartbeat or a step of joining is over: the member may have a new epoch or generation, or none any more.
    virtual void on_heard() {}
};

} // namespace ottla::core::group
