// Everybody subscribes to everything: each member gets `least_` partitions or one more, and `expected_` members one more.
// What members hold is kept up to that, the rest is dealt out in turn.
#include <algorithm>

#include "base/assert.hpp"
#include "core/group/assignor/sticky_plan.hpp"

namespace ottla::core::group {
namespace {

class EqualPlan {
public:
    EqualPlan(const GroupView& group, const Racks& racks, const Claims& claims)
        : group_(group)
        , racks_(racks)
        , claims_(claims)
        , use_racks_(racks.matter(group.hash_order, 0, group.partition_count()))
        , least_(group.partition_count() / group.member_count())
        , expected_(group.partition_count() % group.member_count())
        , count_(group.member_count())
        , taken_from_(group.partition_count(), nobody) {
        plan_.owner.resize(group.partition_count(), nobody);
        plan_.moves.resize(group.partition_count());
    }

    StickyPlan run() {
        for (const uint32_t member : group_.hash_order)
            keep_what_is_held(member);
        std::sort(below_.begin(), below_.end());
        std::sort(at_least_.begin(), at_least_.end());
        std::vector<uint32_t> open = open_partitions();
        if (use_racks_) {
            // Those that few members are near to come first, or their members would be full by then.
            std::stable_sort(open.begin(), open.end(), [&](uint32_t a, uint32_t b) {
                return racks_.members_near(a) < racks_.members_near(b);
            });
            open = deal_by_rack(open);
        }
        deal(open);
        return std::move(plan_);
    }

private:
    /// With as many as all may have, or one more while there are members who may.
    void keep_what_is_held(uint32_t member) {
        const std::vector<uint32_t> held = held_in_order(member);
        size_t kept = std::min<size_t>(held.size(), least_);
        if (held.size() < least_) {
            below_.push_back(member);
        } else if (over_ < expected_ && held.size() > least_) {
            kept = least_ + 1;
            if (++over_ == expected_)
                at_least_.clear(); // they have what they may
        } else if (over_ < expected_) {
            at_least_.push_back(member);
        }
        for (size_t i = 0; i < kept; ++i)
            give(held[i], member);
        for (size_t i = kept; i < held.size(); ++i)
            taken_from_[held[i]] = member;
    }

    /// By partition, then by topic: what is cut off at the end is then of many topics, not of the last ones.
    std::vector<uint32_t> held_in_order(uint32_t member) {
        std::vector<uint32_t> held;
        for (const uint32_t p : claims_.held[member]) {
            if (use_racks_ && racks_.mismatch(member, p))
                taken_from_[p] = member;
            else if (!claims_.contested[p])
                held.push_back(p);
        }
        const auto index = [&](uint32_t p) { return p - group_.topics[group_.topic_of[p]].first; };
        std::stable_sort(held.begin(), held.end(), [&](uint32_t a, uint32_t b) { return index(a) < index(b); });
        return held;
    }

    std::vector<uint32_t> open_partitions() const {
        std::vector<uint32_t> open;
        for (uint32_t p = 0; p < plan_.owner.size(); ++p)
            if (plan_.owner[p] == nobody)
                open.push_back(p);
        return open;
    }

    /// Each to the next member near it that has room. Returns those for which there was none.
    std::vector<uint32_t> deal_by_rack(const std::vector<uint32_t>& open) {
        std::vector<uint32_t> left;
        size_t turn = 0;
        for (const uint32_t p : open) {
            const uint32_t member = next_near(p, turn);
            if (member == nobody)
                left.push_back(p);
            else
                give(p, member);
        }
        return left;
    }

    /// A member near the partition, which may still have it. `turn` is whose turn it is among those that lack some.
    uint32_t next_near(uint32_t p, size_t& turn) {
        if (const size_t at = find_near(p, below_, turn); at < below_.size()) {
            const uint32_t member = below_[at];
            turn = at;
            if (count_[member] + 1 < least_) {
                ++turn;
            } else {
                below_.erase(below_.begin() + static_cast<ptrdiff_t>(at));
                if (over_ < expected_)
                    at_least_.push_back(member);
            }
            turn = below_.empty() ? 0 : turn % below_.size();
            return member;
        }
        const size_t at = find_near(p, at_least_, 0);
        if (at == at_least_.size())
            return nobody;
        const uint32_t member = at_least_[at];
        at_least_.erase(at_least_.begin() + static_cast<ptrdiff_t>(at));
        if (++over_ == expected_)
            at_least_.clear();
        return member;
    }

    /// The place of the first who is near, beginning at `start` and going round; the size if there is none.
    size_t find_near(uint32_t p, const std::vector<uint32_t>& members, size_t start) const {
        for (size_t i = 0; i < members.size(); ++i) {
            const size_t at = (start + i) % members.size();
            if (racks_.share(members[at], p))
                return at;
        }
        return members.size();
    }

    /// Round and round until all have `least_`, then one more each to those who may.
    void deal(const std::vector<uint32_t>& open) {
        size_t turn = 0;
        size_t one_more = 0;
        for (const uint32_t p : open) {
            if (below_.empty()) {
                OTTLA_ASSERT(one_more < at_least_.size()); // partitions were counted, so there is room for all
                give(p, at_least_[one_more++]);
                continue;
            }
            if (turn >= below_.size())
                turn = 0;
            const uint32_t member = below_[turn];
            give(p, member);
            if (count_[member] < least_) {
                ++turn;
            } else {
                below_.erase(below_.begin() + static_cast<ptrdiff_t>(turn));
                at_least_.push_back(member);
            }
        }
    }

    void give(uint32_t p, uint32_t member) {
        plan_.owner[p] = member;
        ++count_[member];
        plan_.moves[p] = claims_.contested[p] || (taken_from_[p] != nobody && taken_from_[p] != member);
    }

    const GroupView& group_;
    const Racks& racks_;
    const Claims& claims_;
    const bool use_racks_;
    const uint32_t least_;
    const uint32_t expected_; ///< how many members get one more than `least_`
    uint32_t over_ = 0;       ///< how many of those are found
    std::vector<uint32_t> below_{};    ///< members with fewer than `least_`
    std::vector<uint32_t> at_least_{}; ///< members with `least_` that may get one more
    std::vector<uint32_t> count_;      ///< by member
    std::vector<uint32_t> taken_from_; ///< by partition: who holds it and was not let keep it
    StickyPlan plan_;
};

} // namespace

StickyPlan plan_equal_subscriptions(const GroupView& group, const Racks& racks, const Claims& claims) {
    return group.members.empty() ? StickyPlan{} : EqualPlan(group, racks, claims).run();
}

} // namespace ottla::core::group
