#include "core/group/assignor/range.hpp"

#include <algorithm>

#include "core/group/assignor/racks.hpp"

namespace ottla::core::group {
namespace {

/// One topic and how far its subscribers have been served. Subscribers go by their seats: places in the order of service.
class Shares {
public:
    Shares(const GroupView::Topic& topic, std::vector<uint32_t> seats)
        : topic_(topic)
        , seats_(std::move(seats))
        , given_(seats_.size())
        , each_(topic.partitions / static_cast<uint32_t>(seats_.size()))
        , extra_(topic.partitions % static_cast<uint32_t>(seats_.size()))
        , open_(topic.partitions, true) {}

    const GroupView::Topic& topic() const { return topic_; }
    /// Member numbers, by seat.
    const std::vector<uint32_t>& seats() const { return seats_; }

    /// How many partitions the seat may still get. Whoever comes first gets one of those that are left over.
    uint32_t room(size_t seat) const {
        const uint32_t most = each_ + (extra_ > 0 ? 1 : 0);
        return most > given_[seat] ? most - given_[seat] : 0;
    }

    bool is_open(uint32_t index) const { return open_[index]; }

    void give(size_t seat, uint32_t index, std::vector<uint32_t>& owner) {
        owner[topic_.first + index] = seats_[seat];
        open_[index] = false;
        if (++given_[seat] > each_)
            --extra_;
    }

private:
    const GroupView::Topic& topic_;
    std::vector<uint32_t> seats_;
    std::vector<uint32_t> given_; ///< by seat
    uint32_t each_;
    uint32_t extra_; ///< how many may still get one more than `each_`
    std::vector<bool> open_;
};

/// Each seat in turn takes the first partitions of its rack, as many as it may have.
void serve_by_rack(Shares& shares, const Racks& racks, std::vector<uint32_t>& owner) {
    for (size_t seat = 0; seat < shares.seats().size(); ++seat) {
        // Asked once: giving changes what others may get, and with it the answer.
        uint32_t room = shares.room(seat);
        for (uint32_t i = 0; i < shares.topic().partitions && room > 0; ++i) {
            if (!shares.is_open(i) || racks.mismatch(shares.seats()[seat], shares.topic().first + i))
                continue;
            shares.give(seat, i, owner);
            --room;
        }
    }
}

/// Each seat in turn takes the first partitions that are left.
void serve(Shares& shares, std::vector<uint32_t>& owner) {
    uint32_t next = 0;
    for (size_t seat = 0; seat < shares.seats().size(); ++seat) {
        uint32_t room = shares.room(seat);
        for (; next < shares.topic().partitions && room > 0; ++next) {
            if (!shares.is_open(next))
                continue;
            shares.give(seat, next, owner);
            --room;
        }
    }
}

/// Topics with the same subscribers and as many partitions: those of one number go together, to a member that is in a rack
/// of all of them. Those for which there is none are left.
void serve_together(std::span<Shares* const> topics, const Racks& racks, std::vector<uint32_t>& owner) {
    const auto& seats = topics.front()->seats();
    std::vector<size_t> hungry(seats.size());
    for (size_t seat = 0; seat < hungry.size(); ++seat)
        hungry[seat] = seat;
    for (uint32_t i = 0; i < topics.front()->topic().partitions && !hungry.empty(); ++i) {
        const auto chosen = std::find_if(hungry.begin(), hungry.end(), [&](size_t seat) {
            return std::all_of(topics.begin(), topics.end(), [&](const Shares* one) {
                return one->room(seat) > 0 && !racks.mismatch(seats[seat], one->topic().first + i);
            });
        });
        if (chosen == hungry.end())
            continue;
        for (Shares* one : topics)
            one->give(*chosen, i, owner);
        if (topics.front()->room(*chosen) == 0) // as in all others
            hungry.erase(chosen);
    }
}

std::vector<Shares> all_shares(const GroupView& group) {
    const std::vector<uint32_t> order = static_members_first(group);
    std::vector<uint32_t> rank(order.size());
    for (uint32_t i = 0; i < order.size(); ++i)
        rank[order[i]] = i;
    std::vector<Shares> shares;
    for (const GroupView::Topic& topic : group.topics) {
        std::vector<uint32_t> seats = topic.subscribers;
        std::sort(seats.begin(), seats.end(), [&](uint32_t a, uint32_t b) { return rank[a] < rank[b]; });
        shares.emplace_back(topic, std::move(seats));
    }
    return shares;
}

void serve_all_by_rack(std::vector<Shares>& all, const Racks& racks, std::vector<uint32_t>& owner) {
    std::map<std::pair<std::vector<uint32_t>, uint32_t>, std::vector<Shares*>> alike;
    for (Shares& one : all) {
        const auto& seats = one.seats();
        if (std::any_of(seats.begin(), seats.end(), [&](uint32_t member) { return racks.has_rack(member); }))
            alike[{seats, one.topic().partitions}].push_back(&one);
    }
    for (const auto& [key, topics] : alike) {
        const GroupView::Topic& first = topics.front()->topic();
        if (topics.size() > 1)
            serve_together(topics, racks, owner);
        else if (racks.matter(first.subscribers, first.first, first.end()))
            serve_by_rack(*topics.front(), racks, owner);
    }
}

} // namespace

Result<GroupAssignment> RangeAssignor::assign(
    std::span<const TopicLayout> topics, std::span<const GroupMember> members
) {
    const auto group = GroupView::of(topics, members);
    if (!group)
        return group.error();
    const Racks racks(*group);
    std::vector<Shares> shares = all_shares(*group);
    std::vector<uint32_t> owner(group->partition_count(), nobody);
    const bool racks_matter = std::any_of(group->topics.begin(), group->topics.end(), [&](const auto& topic) {
        return racks.matter(topic.subscribers, topic.first, topic.end());
    });
    if (racks_matter)
        serve_all_by_rack(shares, racks, owner);
    for (Shares& one : shares)
        serve(one, owner);
    return group->assignment(owner);
}

} // namespace ottla::core::group
