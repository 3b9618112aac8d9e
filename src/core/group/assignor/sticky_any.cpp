// Members subscribe to different topics: what is held stays, what is open goes to whoever has least, and then partitions are
// moved one by one as long as somebody has two more than somebody who could have one of them.
#include <algorithm>

#include "core/group/assignor/movements.hpp"
#include "core/group/assignor/sticky_plan.hpp"

namespace ottla::core::group {
namespace {

/// After so many passes over all partitions it is not looked at any more who had a partition before and what has been moved.
/// Six or seven are the most that groups need; but where claims contradict each other these two wishes can undo each other's
/// moves for ever. A plain move always makes counts more equal, so plain moves come to an end.
constexpr int patient_passes = 20;

class AnyPlan {
public:
    AnyPlan(const GroupView& group, const Racks& racks, const Claims& claims)
        : group_(group)
        , racks_(racks)
        , claims_(claims)
        , use_racks_(racks.matter(group.hash_order, 0, group.partition_count()))
        , owner_(group.partition_count(), nobody)
        , count_(group.member_count())
        , movements_(group) {}

    StickyPlan run() {
        keep_what_is_held();
        const std::vector<uint32_t> all = partitions_in_order();
        std::vector<uint32_t> open;
        std::copy_if(all.begin(), all.end(), std::back_inserter(open), [&](uint32_t p) { return owner_[p] == nobody; });
        deal(open);

        if (!lost_some_)
            balance(open); // what is new to all can be moved without taking it away from anybody
        balance(all);
        return {.owner = std::move(owner_)};
    }

private:
    void keep_what_is_held() {
        for (uint32_t member = 0; member < group_.member_count(); ++member) {
            for (const uint32_t p : claims_.held[member]) {
                if (group_.subscribes(member, group_.topic_of[p]) && !(use_racks_ && racks_.mismatch(member, p)))
                    give(p, member);
                else
                    lost_some_ = true;
            }
        }
    }

    /// Those that the fewest members can have come first.
    std::vector<uint32_t> partitions_in_order() const {
        std::vector<const GroupView::Topic*> topics;
        for (const GroupView::Topic& topic : group_.topics)
            topics.push_back(&topic);
        std::stable_sort(topics.begin(), topics.end(), [](const auto* a, const auto* b) {
            return a->subscribers.size() < b->subscribers.size();
        });
        std::vector<uint32_t> order;
        for (const GroupView::Topic* topic : topics)
            for (uint32_t p = topic->first; p < topic->end(); ++p)
                order.push_back(p);
        return order;
    }

    void deal(const std::vector<uint32_t>& open) {
        if (use_racks_)
            for (const uint32_t p : open)
                if (const uint32_t member = least_loaded_of_rack(p); member != nobody)
                    give(p, member);
        for (const uint32_t p : open)
            if (owner_[p] == nobody)
                give(p, least_loaded(group_.topic_of[p]));
    }

    /// Of those with the same count the first by id.
    uint32_t least_loaded(uint32_t topic) const {
        const auto& members = group_.topics[topic].subscribers;
        return *std::min_element(members.begin(), members.end(), [&](uint32_t a, uint32_t b) {
            return count_[a] < count_[b];
        });
    }

    /// The same among those that a partition suits, or `nobody`.
    uint32_t least_loaded_of_rack(uint32_t p) const {
        uint32_t best = nobody;
        for (const uint32_t member : group_.topics[group_.topic_of[p]].subscribers)
            if (!racks_.mismatch(member, p) && (best == nobody || count_[member] < count_[best]))
                best = member;
        return best;
    }

    /// Goes over `partitions` again and again until nothing can be bettered.
    void balance(const std::vector<uint32_t>& partitions) {
        for (int pass = 0; balance_once(partitions, pass < patient_passes); ++pass)
            ;
    }

    /// Whether anything was moved.
    bool balance_once(const std::vector<uint32_t>& partitions, bool patient) {
        bool moved = false;
        bool balanced = is_balanced();
        for (size_t i = 0; i < partitions.size() && !balanced; ++i) {
            const uint32_t p = partitions[i];
            const uint32_t to = better_owner(p, patient);
            if (to == nobody)
                continue;
            move(patient ? movements_.better_one(p, owner_[p], to) : p, to);
            moved = true;
            balanced = is_balanced();
        }
        return moved;
    }

    /// Who has two fewer than the owner: if `patient` preferably the one that had the partition before, else the one with the
    /// fewest.
    uint32_t better_owner(uint32_t p, bool patient) const {
        const uint32_t topic = group_.topic_of[p];
        const uint32_t formerly = claims_.formerly[p];
        const auto is_better = [&](uint32_t member) { return count_[owner_[p]] > count_[member] + 1; };
        if (patient && formerly != nobody && group_.subscribes(formerly, topic) && is_better(formerly))
            return formerly;
        const uint32_t least = least_loaded(topic);
        return is_better(least) ? least : nobody;
    }

    void move(uint32_t p, uint32_t to) {
        movements_.add(p, owner_[p], to);
        --count_[owner_[p]];
        give(p, to);
    }

    void give(uint32_t p, uint32_t member) {
        owner_[p] = member;
        ++count_[member];
    }

    /// Looks first at the topic that was not balanced when asked last: mostly it is not yet.
    bool is_balanced() {
        for (size_t i = 0; i < group_.topics.size(); ++i) {
            if (!is_balanced(unbalanced_))
                return false;
            unbalanced_ = (unbalanced_ + 1) % static_cast<uint32_t>(group_.topics.size());
        }
        return true;
    }

    bool is_balanced(uint32_t topic) const {
        const GroupView::Topic& one = group_.topics[topic];
        const uint32_t least = count_[least_loaded(topic)];
        return std::all_of(owner_.begin() + one.first, owner_.begin() + one.end(), [&](uint32_t owner) {
            return count_[owner] <= least + 1;
        });
    }

    const GroupView& group_;
    const Racks& racks_;
    const Claims& claims_;
    const bool use_racks_;
    std::vector<uint32_t> owner_; ///< by partition
    std::vector<uint32_t> count_; ///< by member
    bool lost_some_ = false;      ///< members hold what they may not or should not keep
    uint32_t unbalanced_ = 0;     ///< the topic to look at first
    Movements movements_;
};

} // namespace

StickyPlan plan_any_subscriptions(const GroupView& group, const Racks& racks, const Claims& claims) {
    return AnyPlan(group, racks, claims).run();
}

} // namespace ottla::core::group
