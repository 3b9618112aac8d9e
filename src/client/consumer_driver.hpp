// The part of a consumer that lives on the loop: cluster, fetcher, and the way into them. Shared with the
// tasks that are posted to the loop, so that none of them finds it gone.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "client/client_events.hpp"
#include "client/consumer_queue.hpp"
#include "client/interval_timer.hpp"
#include "client/slice_reader.hpp"
#include "client/stored_offsets.hpp"
#include "config/client_config.hpp"
#include "core/cluster/cluster.hpp"
#include "core/fetch/committed_starts.hpp"
#include "core/fetch/fetcher.hpp"
#include "core/group/classic_member.hpp"
#include "core/group/offset_committer.hpp"
#include "engine/loop.hpp"

namespace ottla::client {

class ConsumerDriver final : public engine::Source,
                             public std::enable_shared_from_this<ConsumerDriver>,
                             private core::group::MemberEvents {
public:
    ConsumerDriver(
        std::shared_ptr<engine::Loop> loop, config::ClientConfig config, LogSink log, ErrorHandler on_error, Observers observers = {}
    );

    ~ConsumerDriver() override;

    const config::ClientConfig& config() const { return config_; }

    const std::shared_ptr<engine::Loop>& loop() const { return loop_; }

    ConsumerQueue& queue() { return queue_; }

    /// Runs the error callbacks that wait, on the calling thread. Cheap when there are none.
    void serve_callbacks();

    ClientEvents& events() { return events_; }

    StoredOffsets& stored() { return stored_; }

    /// With what a reader begins.
    DecodeContext decoding() const;

    /// The application's polls, counted by impl.
    core::group::PollClock& poll_clock() { return poll_clock_; }

    // --- the group, from the consuming thread
    /// The step that the application has to take; the loop waits for `step_done`.
    std::optional<core::group::Rebalance> take_step();
    void step_done();
    /// What keeps the consumer from its group, oldest first.
    std::optional<Error> take_trouble();
    /// Whether there is a step or trouble: cheap.
    bool group_calls() const { return group_calls_.load(std::memory_order_relaxed); }
    /// A call of an application that had not polled for too long.
    void come_back();
    /// Who this is to the group now.
    core::Committer committer() const;
    void subscribe(std::vector<std::string> topics, std::string reason);

    /// Whether offsets are committed without being asked to.
    bool commits_by_itself() const { return config_.enable_auto_commit && !config_.group_id.empty(); }

    /// From any thread.
    Metrics metrics() const;

    // --- on the loop
    void start();
    void stop(TimePoint now);
    /// Commits what is stored, leaves the group, stops; nobody takes steps any more.
    void end();
    /// Leaves the group; `out` is called once that has been done.
    void leave(MoveOnlyFunction<void()> out, TimePoint now);

    bool running() const { return fetcher_.has_value(); }

    core::Fetcher& fetcher() { return *fetcher_; }

    /// Reads from where it says, or from what the group has committed.
    void read(core::FetchStart start, TimePoint now);
    void remove(core::StreamId stream);
    void pause(core::StreamId stream);
    void resume(core::StreamId stream);
    /// As OffsetCommitter::commit; `reply` is always called, with _destroy when the consumer ends before.
    void commit(std::vector<CommittedOffset> offsets, core::CommitReply reply);
    /// Commits these, if there are any, and tells `on_commit` what became of it; `done` is called in any case.
    void commit_and_tell(std::vector<CommittedOffset> offsets, MoveOnlyFunction<void()> done = {});

    core::Cluster& cluster() { return *cluster_; }

    /// Of the offset queries that are under way.
    const core::CallScope& queries() const { return queries_; }

    void drain(TimePoint now) override;
    void on_context_gone() noexcept override;

private:
    void on_step(const core::group::Rebalance& step) override;
    void on_trouble(const Error& error) override;
    void call_application();
    void on_memory_room();
    void on_memory_spent(const MemoryBudget& memory);
    void finish_step();
    void commit_by_itself();
    Metrics gather(TimePoint now) const;
    void emit_statistics(TimePoint now);

    const std::shared_ptr<engine::Loop> loop_;
    const config::ClientConfig config_;
    ClientEvents events_;
    ConsumerQueue queue_;
    StoredOffsets stored_;
    std::atomic<bool> rung_{false};
    std::atomic<bool> callbacks_{false};
    const std::shared_ptr<MemoryBudget> memory_; ///< null: no limit
    std::atomic<int64_t> memory_told_{0};        ///< by the steady clock, when the log was told that it is spent
    std::optional<core::Cluster> cluster_;
    std::optional<core::Fetcher> fetcher_;
    std::optional<core::CommittedStarts> starts_;
    std::optional<core::group::ClassicMember> member_;
    core::group::PollClock poll_clock_;
    std::atomic<bool> group_calls_{false};
    std::atomic<bool> expelled_{false};
    bool ending_ = false;
    std::optional<uint64_t> step_done_; ///< once so many commits have been answered
    uint64_t commits_to_see_ = 0;       ///< by who asks what is committed
    std::mutex group_mutex_;
    std::optional<core::group::Rebalance> step_; ///< not yet taken
    std::deque<Error> troubles_;
    std::optional<core::OffsetCommitter> committer_;
    core::CallScope queries_;
    IntervalTimer statistics_;
    bool committing_by_itself_ = false;
    IntervalTimer auto_commit_;
};

} // namespace ottla::client
