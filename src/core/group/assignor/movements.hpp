// Which partitions have been moved in one run of the sticky assignor, so that it does not move one of a topic from A to B and
// another from B to A: then it takes the first one back instead.
#pragma once

#include <map>

#include "core/group/assignor/group_view.hpp"

namespace ottla::core::group {

class Movements {
public:
    explicit Movements(const GroupView& group) : group_(group), moved_(group.partition_count()) {}

    /// The partition to move when `partition` shall go from `from` to `to`: itself, or one of its topic that went the other
    /// way. That one's owner need not be `from`, but where `partition` was at first.
    uint32_t better_one(uint32_t partition, uint32_t from, uint32_t to) const;

    void add(uint32_t partition, uint32_t from, uint32_t to);

private:
    struct Move {
        uint32_t from = nobody; ///< where it was before its first move
        uint32_t to = nobody;   ///< where it is

        auto operator<=>(const Move&) const = default;
    };

    /// Partitions as a HashSet of Java's holds them: the Java client takes the first it comes to.
    struct Set {
        std::vector<uint32_t> partitions{}; ///< in the order in which they came
        uint32_t buckets = 0;               ///< it only grows
    };

    uint32_t first_of(const Set& set) const;
    void remove(uint32_t partition);

    const GroupView& group_;
    std::vector<Move> moved_; ///< by partition
    std::map<std::pair<uint32_t, Move>, Set> by_topic_{};
};

} // namespace ottla::core::group
