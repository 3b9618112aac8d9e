// What a group promises, judged from outside: what applications were given and told, and what the coordinator has
// stored. The promises: docs/RELIABILITY.md.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <ottla/msg/offset_commit.hpp>

#include "sim/ledger.hpp"
#include "sim/world.hpp"
#include "wire/frame.hpp"

namespace ottla::sim {

class GroupMember;

class GroupJudge {
public:
    static constexpr const char* group = "readers";

    /// Listens to the network from now on.
    explicit GroupJudge(World& world);

    /// It lives as long as this.
    void add(GroupMember& member) { members_.push_back(&member); }

    const std::vector<GroupMember*>& members() const { return members_; }

    /// Nothing disturbs the group: nobody loses partitions, and nothing is worked on twice.
    void expect_calm(bool nobody_loses, bool exactly_once) {
        calm_ = true;
        nobody_loses_ = nobody_loses;
        exactly_once_ = exactly_once;
    }

    bool calm() const { return calm_; }

    // --- told by applications
    void on_assigned(GroupMember& member, const std::vector<TopicPartition>& partitions);
    void on_given_up(GroupMember& member, const std::vector<TopicPartition>& partitions, bool lost);
    /// A record was handed out. False: it should not have been.
    bool on_given(GroupMember& member, const TopicPartition& where, int64_t offset, std::string_view value);
    /// The application goes back in what it has: `to` up to `next` may come again, and be committed again.
    void on_seek(const TopicPartition& where, int64_t to, int64_t next);
    void on_worked_off(const GroupMember& member, const TopicPartition& where, int64_t offset);

    /// After everything that may have changed something at the coordinator. Cheap when nothing has.
    void look();
    /// Of members that the coordinator counts in its generation no two have the same partition. When somebody has got some, or
    /// may have come to another generation.
    void check_owners();

    /// Every partition of topics somebody has subscribed to has one owner, all is worked off, and committed.
    bool all_is_done();
    /// What is missing.
    std::string undone();
    void check_values(const std::map<std::pair<std::string, int32_t>, Ledger::Log>& logs);

    uint64_t worked_off() const { return worked_off_; }

private:
    struct Commit {
        TimePoint at;
        int64_t offset;
    };
    struct Read {
        std::vector<std::string> values{}; ///< by offset, as far as somebody was given them
        std::vector<int> times{};          ///< worked off so often
        std::vector<Commit> commits{};     ///< as the coordinator has stored them
        std::set<int64_t> again{};         ///< may be worked on once more
        int64_t back_to = -1;              ///< its owner may commit from there on; -1: never goes back
        int64_t low() const;               ///< the first that nobody has worked off
        int64_t committed() const { return commits.empty() ? 0 : commits.back().offset; }
    };

    void on_request(const Buffer& frame, bool stray);
    void on_commit(const wire::RequestHead& head, bool stray);
    bool comes_from_gone_leader(const msg::OffsetCommitRequest& request) const;
    void on_heartbeat(const wire::RequestHead& head);
    bool waits_for_name(const GroupMember& member) const;
    bool was_committed_since(const Read& read, TimePoint since, int64_t offset) const;

    World& world_;
    std::vector<GroupMember*> members_;
    bool calm_ = false;
    bool nobody_loses_ = false;
    bool exactly_once_ = false;
    std::map<TopicPartition, Read> read_;
    /// A commit that has arrived may wait behind another request; what is stored is compared so often.
    static constexpr int looks_a_commit = 100;
    int looks_left_ = 0;
    std::set<std::pair<TopicPartition, int64_t>> stray_; ///< commits that arrived when their client had given them up
    std::map<std::string, int32_t> epochs_; ///< that members of the new protocol spoke in last, by their ids
    /// Given to another although its owner had yet to give them up, as happens when a group passes to the new protocol in the midst
    /// of a cooperative round: the coordinator counts what the round assigns.
    std::set<TopicPartition> given_twice_;
    uint64_t worked_off_ = 0;
};

} // namespace ottla::sim
