// A process with a consumer of the group: the real consumer from its calls down to its connections, and an
// application that polls it, works on what it gets, commits, pauses, ends in all ways processes end.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ottla/consumer.hpp>

#include "client/consumer_impl.hpp"
#include "sim/engine_loop.hpp"
#include "sim/group_judge.hpp"

namespace ottla::sim {

/// How an application uses its consumer.
struct MemberStyle {
    enum class Reading {
        batches,
        single,
        async, ///< batches, by calls that wait without a thread
    };
    enum class Committing {
        automatic,
        stored,   ///< automatic, of what it says it has done
        waiting,  ///< by itself, and waits for it
        unwaited, ///< by itself, and hears of it later
    };
    Reading reading = Reading::batches;
    Committing committing = Committing::automatic;
    Duration longest_work{};       ///< on what one call has given
    bool commits_what = false;     ///< names the offsets; else commits what is stored
    bool commits_in_revoke = true; ///< when it commits by itself
    bool assigns_itself = false;   ///< in its rebalance handlers
    bool unsubscribes_first = false; ///< and hears of the end of its assignment before it closes
    Duration longest_poll{};
    bool blocks_in_close = false;
    bool closes_in_poll = false; ///< when it reads asynchronously
    int seeks = 0;               ///< at most so often, back to what it has worked off
};

class GroupMember {
public:
    struct Held {
        TimePoint since;
        int64_t first = -1;     ///< that was shown
        int64_t next = -1;      ///< to be shown; -1: nothing was yet
        int64_t done = -1;      ///< worked off up to there
        int64_t committed = -1; ///< of that, as the application knows
    };

    GroupMember(World& world, GroupJudge& judge, std::string name, config::ClientConfig config, MemberStyle style);
    ~GroupMember();
    GroupMember(const GroupMember&) = delete;

    // --- what befalls it
    void subscribe(std::vector<std::string> topics);
    void unsubscribe();
    /// The application does nothing for a while; its consumer's loop goes on.
    void pause(Duration time);
    /// It does nothing ever again.
    void hang();
    void close();
    /// Closes without waiting for anything.
    void close_at_once();
    void crash(Network::Ending ending);

    // --- what is known of it
    const std::string& name() const { return name_; }
    const std::vector<std::string>& topics() const { return topics_; }
    const std::map<TopicPartition, Held>& held() const { return held_; }
    const Held* holds(const TopicPartition& where) const;
    bool speaks_new_protocol() const { return config_.group_protocol == config::GroupProtocol::consumer; }
    /// What it holds changes part by part.
    bool cooperative() const { return speaks_new_protocol() || config_.assignors.starts_with("cooperative"); }
    const std::string& instance() const { return config_.group_instance_id; }
    /// The coordinator counts it in its generation.
    bool is_current() const;
    /// The coordinator counts the partition as its own: not so only of members of the classic protocol in a group of the new one.
    bool is_granted(const TopicPartition& where) const;
    /// It runs and will go on.
    bool works() const { return !ended_ && !hung_ && !wants_to_close_; }
    /// The process is there.
    bool runs() const { return !ended_; }
    /// It is to close and has not begun to.
    bool wants_to_close() const { return !ended_ && !hung_ && wants_to_close_; }
    /// It has begun to close, and its consumer has not ended.
    bool is_closing() const { return closing_ && driver_->running(); }

    ClientLoop& loop() { return loop_->turns(); }

private:
    using Committing = MemberStyle::Committing;

    // --- the application's thread
    void step();
    void step_at(TimePoint when);
    void step_soon();
    void leave_poll();
    void poll();
    void take_batches();
    void start_poll();
    void on_polled(error_code ec, Records records);
    void after_poll();
    void maybe_seek();
    void take_single();
    void take_event(const ottla::Message& event);
    void take_record(const std::string& topic, int32_t partition, const RecordView& record);
    void finish_work();
    bool begin_commit();
    bool commits_by_itself() const { return style_.committing == Committing::waiting || style_.committing == Committing::unwaited; }
    std::vector<CommittedOffset> to_commit();
    void commit_waiting(MoveOnlyFunction<void()> then);
    void on_committed(const Error& error, const std::vector<CommittedOffset>& rows);
    void wait_for_records();
    void commit_and_close();
    void close_now();
    void close_blocking();

    RebalanceHandlers handlers();
    void on_assign(const std::vector<TopicPartition>& partitions);
    void on_revoke(const std::vector<TopicPartition>& partitions);
    void on_lost(const std::vector<TopicPartition>& partitions);
    void give_up(const std::vector<TopicPartition>& partitions);

    World& world_;
    GroupJudge& judge_;
    const std::string name_;
    const config::ClientConfig config_;
    const MemberStyle style_;
    std::shared_ptr<EngineLoop> loop_;
    std::shared_ptr<client::ConsumerDriver> driver_;
    std::shared_ptr<client::ConsumerImpl> consumer_;
    std::vector<std::string> topics_;
    std::map<TopicPartition, Held> held_;
    std::vector<std::pair<TopicPartition, int64_t>> work_; ///< was given, and is not worked off
    Records records_;
    uint64_t turn_ = 0; ///< the step that is planned
    TimePoint rests_until_{};
    int commits_under_way_ = 0;
    bool in_step_ = false;
    bool waits_ = false; ///< in a call, for something to come
    bool poll_under_way_ = false; ///< an asynchronous one
    int seeks_ = 0;
    bool hung_ = false;
    bool wants_to_close_ = false;
    bool closing_ = false;
    bool ended_ = false; ///< nothing of it happens any more, but the end of a close
};

} // namespace ottla::sim
