// The part of a consumer that lives on the loop: cluster, fetcher, and the way into them. Shared with the
// tasks that are posted to the loop, so that none of them finds it gone.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <ottla/assignor.hpp>

#include "client/client_events.hpp"
#include "client/consumer_interceptors.hpp"
#include "client/consumer_queue.hpp"
#include "client/interval_timer.hpp"
#include "client/slice_reader.hpp"
#include "client/stored_offsets.hpp"
#include "config/client_config.hpp"
#include "core/cluster/cluster.hpp"
#include "core/fetch/committed_starts.hpp"
#include "core/fetch/fetcher.hpp"
#include "core/group/membership.hpp"
#include "core/group/offset_committer.hpp"
#include "engine/loop.hpp"

namespace ottla::client {

/// What calls say of a consumer that a fatal error has ended.
inline Error ended_by(const Error& fatal) {
    return {make_error_code(Errc::_fatal, ErrorFlag::fatal), "a fatal error has ended this consumer: " + fatal.message()};
}

class ConsumerDriver final : public engine::Source,
                             public std::enable_shared_from_this<ConsumerDriver>,
                             private core::group::MemberEvents {
public:
    ConsumerDriver(
        std::shared_ptr<engine::Loop> loop, config::ClientConfig config, LogSink log, ErrorHandler on_error, Observers observers = {},
        std::vector<std::shared_ptr<ConsumerInterceptor>> interceptors = {}
    );

    ~ConsumerDriver() override;

    /// Seeds of what is drawn at random. A simulation sets its own.
    static uint64_t (*random_seed)();

    const config::ClientConfig& config() const { return config_; }

    /// Instead of those of the configuration; before `start`.
    void use(std::vector<std::unique_ptr<PartitionAssignor>> assignors) { assignors_ = std::move(assignors); }

    const std::shared_ptr<engine::Loop>& loop() const { return loop_; }

    ConsumerQueue& queue() { return queue_; }

    /// Runs the error callbacks that wait, on the calling thread. Cheap when there are none.
    void serve_callbacks();
    /// What one of them has thrown leaves the next call that serves them.
    void throw_next(std::exception_ptr thrown);

    ClientEvents& events() { return events_; }

    StoredOffsets& stored() { return stored_; }

    ConsumerInterceptors& interceptors() { return interceptors_; }

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
    /// What has ended this consumer; no error: nothing has.
    Error fatal() const;
    /// Whether the application has been given the message that tells of it: cheap.
    bool fatal_told() const { return fatal_told_.load(std::memory_order_relaxed); }
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
    /// Reads no more, and has brokers forget what they keep for this reader. `done` is called in any case, after `limit` at most.
    void finish_reading(Duration limit, MoveOnlyFunction<void()> done);
    /// A broker that takes longer to end a fetch session is not waited for.
    static constexpr Duration session_end_limit = std::chrono::seconds(1);
    /// What becomes of the membership at the end.
    void set_departure(CloseMembership departure);
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
    /// Commits what is stored, if that is done without being asked; `over` is called once all commits have been answered.
    void commit_last(MoveOnlyFunction<void()> over);
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
    void on_heard() override;
    std::unique_ptr<core::group::Membership> make_member();
    void sign(core::CommittedQuery& query) const;
    void note_fatal(const Error& error);
    void call_application();
    void on_memory_room();
    void on_memory_spent(const MemoryBudget& memory);
    void finish_step();
    void tell_commits_over();
    void commit_by_itself();
    // Of statistics, in consumer_numbers.cpp.
    Metrics gather(TimePoint now) const;
    void gather_group(Metrics& all, TimePoint now) const;
    void emit_statistics(TimePoint now);

    const std::shared_ptr<engine::Loop> loop_;
    const config::ClientConfig config_;
    ClientEvents events_;
    ConsumerInterceptors interceptors_;
    ConsumerQueue queue_;
    StoredOffsets stored_;
    const std::shared_ptr<codec::Decompressors> decompressors_ = std::make_shared<codec::Decompressors>();
    std::atomic<bool> rung_{false};
    std::atomic<bool> callbacks_{false};
    std::exception_ptr thrown_; ///< by a callback, and not yet given to the application
    const std::shared_ptr<MemoryBudget> memory_; ///< null: no limit
    std::atomic<int64_t> memory_told_{0};        ///< by the steady clock, when the log was told that it is spent
    std::optional<core::Cluster> cluster_;
    std::optional<core::Fetcher> fetcher_;
    std::optional<core::CommittedStarts> starts_;
    std::vector<std::unique_ptr<PartitionAssignor>> assignors_; ///< the application's among them; empty: as configured
    std::unique_ptr<core::group::Membership> member_;
    core::group::PollClock poll_clock_;
    std::atomic<bool> group_calls_{false};
    std::atomic<bool> expelled_{false};
    bool ending_ = false;
    std::optional<uint64_t> step_done_; ///< once so many commits have been answered
    uint64_t commits_to_see_ = 0;       ///< by who asks what is committed
    bool step_takes_ = false;         ///< what the step under way is: partitions are taken away
    TimePoint subscribed_{};          ///< when that last changed
    TimePoint rebalanced_{};          ///< when the last step was told
    int64_t rebalances_ = 0;
    std::string rebalance_reason_;
    std::atomic<bool> fatal_told_{false};
    mutable std::mutex group_mutex_;
    std::optional<core::group::Rebalance> step_; ///< not yet taken
    std::deque<Error> troubles_;
    Error fatal_;
    MoveOnlyFunction<void()> commits_over_; ///< once so many have been answered:
    uint64_t last_commit_ = 0;
    std::optional<core::OffsetCommitter> committer_;
    core::CallScope queries_;
    IntervalTimer statistics_;
    bool committing_by_itself_ = false;
    IntervalTimer auto_commit_;
};

} // namespace ottla::client
