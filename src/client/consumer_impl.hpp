// What a Consumer handle stands for: the assignment as the application sees it, and the reading of what has
// been fetched, on the consuming thread. What goes on at the brokers is the driver's.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <ottla/consumer.hpp>

#include "client/consumer_driver.hpp"
#include "client/handout.hpp"
#include "client/partition_stream.hpp"
#include "core/fetch/committed_offsets.hpp"
#include "core/fetch/offset_query.hpp"

namespace ottla::client {

class ConsumerImpl : public std::enable_shared_from_this<ConsumerImpl> {
public:
    /// Throws KafkaException (_invalid_arg) for a wrong property.
    static std::shared_ptr<ConsumerImpl>
    make(const Config& config, const Engine& engine, ConsumerOptions options);
    explicit ConsumerImpl(std::shared_ptr<ConsumerDriver> driver);

    void assign(const std::vector<TopicPartitionOffset>& partitions);
    std::vector<TopicPartition> assignment() const;
    void seek(const TopicPartitionOffset& to);
    void pause(const std::vector<TopicPartition>& partitions);
    void resume(const std::vector<TopicPartition>& partitions);
    std::vector<TopicPartitionOffset> position(const std::vector<TopicPartition>& partitions) const;

    void subscribe(std::vector<std::string> topics, RebalanceHandlers handlers);
    void unsubscribe();
    std::vector<std::string> subscription() const;
    void incremental_assign(const std::vector<TopicPartitionOffset>& partitions);
    void incremental_unassign(const std::vector<TopicPartition>& partitions);
    std::string member_id() const;

    std::optional<Message> poll(std::chrono::milliseconds timeout);
    std::vector<Message> consume(size_t count, std::chrono::milliseconds timeout);
    void poll_records(Records& into, std::chrono::milliseconds timeout);
    void start_poll(Handler<Records> handler);
    void start_poll(Handler<Message> handler);
    void wakeup();

    std::shared_ptr<StreamImpl> stream(const TopicPartition& where);
    /// From a stream: it cannot read on from there; reading begins anew after a pause.
    void reread(const TopicPartition& where, core::StreamId stream, int64_t offset);
    /// The stream's reader is gone; the rest is for polls.
    void take_back(StreamImpl& stream);

    Watermarks query_watermarks(const TopicPartition& partition, std::chrono::milliseconds timeout);
    Watermarks cached_watermarks(const TopicPartition& partition) const;
    std::optional<int64_t> current_lag(const TopicPartition& partition) const;
    std::vector<TopicPartitionOffset>
    offsets_for_times(const std::vector<TopicPartitionOffset>& times, std::chrono::milliseconds timeout);

    std::vector<CommittedOffset> committed(std::vector<TopicPartition> partitions, std::chrono::milliseconds timeout);
    void start_committed(std::vector<TopicPartition> partitions, Handler<std::vector<CommittedOffset>> handler);
    ConsumerGroupMetadata group_metadata() const;
    bool commits_by_itself() const { return driver_->commits_by_itself(); }
    Metrics metrics() const { return driver_->metrics(); }
    Error fatal_error() const { return driver_->fatal(); }

    std::vector<CommittedOffset> commit(std::vector<CommittedOffset> offsets);
    void commit_async(std::vector<CommittedOffset> offsets);
    void start_commit(std::vector<CommittedOffset> offsets, Handler<std::vector<CommittedOffset>> handler);
    /// What is stored and not committed; records handed out count as stored. May be empty.
    std::vector<CommittedOffset> stored();
    void store_offsets(const std::vector<TopicPartitionOffset>& offsets);

    void close(const CloseOptions& options);
    /// As close; what handlers and callbacks throw goes to the log.
    void end(std::chrono::milliseconds timeout) noexcept;
    const engine::Loop& loop() const { return *driver_->loop(); }

    /// Negative: never.
    static TimePoint deadline_of(std::chrono::milliseconds timeout);

private:
    /// One assigned partition as the application sees it.
    struct Assigned : Reading {
        bool paused = false;
        bool by_hand = false; ///< no group has given it
        bool listed = false;                 ///< in `ready_`
        std::shared_ptr<StreamImpl> apart{}; ///< who reads it; null: polls do
    };

    // --- with `use_` held
    void check_open() const;
    /// Another thread is in `close`: it takes the steps of the group from now on.
    bool closes_elsewhere() const;
    /// Throws _fatal if there is such an error.
    void check_fatal() const;
    Assigned& find(const TopicPartition& where);
    Assigned* next_ready();
    void list(Assigned& assigned);
    void unlist(Assigned& assigned);
    /// Gives what has come to its partitions; what belongs to older streams is dropped.
    void sort_in();
    enum class Store {
        now,   ///< with automatic storing of offsets, that of the message
        later, ///< it goes to `lending_`
    };
    bool take_message(Message& out, Store store);
    bool take_records(Records& into);
    /// Hands out records of the slice at hand; false when the memory budget is spent.
    bool read_batch(Assigned& assigned, Records& into);
    void begin_stream(Assigned& assigned, int64_t offset, Duration delay, int32_t epoch = -1);
    void end_slice(Assigned& assigned);
    /// Nothing can be handed out before the application gives memory back.
    void on_memory_spent();
    /// What the reader found cannot be read; reading begins anew at the same place after a pause.
    Message give_up_slice(Assigned& assigned);

    static bool holds_nothing() { return false; }
    /// Runs `take` whenever something may have come, until it returns true; false at the time limit. What `holds` something that
    /// the application has not seen yet ends when a rebalance wants to give up partitions: the next call is told of that.
    template <class Take, class Holds = bool (*)()>
    bool wait_for(std::chrono::milliseconds timeout, Take take, Holds holds = holds_nothing);
    void post(engine::Task task);
    std::vector<int64_t> query(std::vector<core::OffsetQuery> queries, std::chrono::milliseconds timeout);
    template <class Out>
    void start_read(Handler<Out> handler);
    bool take(Message& out) { return take_message(out, Store::now); }
    bool take(Records& out) { return take_records(out); }
    void end_streams();
    static Duration time_limit(std::chrono::milliseconds timeout);
    Assigned& begin_assigned(const TopicPartitionOffset& at, std::vector<core::FetchStart>& starts);
    static void refuse_unnamable(const std::string& topic);
    void refuse_unassignable(const TopicPartitionOffset& p) const;
    void end_assigned(const TopicPartition& where);
    /// Serves the group's calls: callbacks and changes of the assignment. Without use_ held.
    bool assigned_by_hand() const;
    void serve_group();
    void run_step(const core::group::Rebalance& step);
    void act_by_default(const core::group::Rebalance& step);
    void end_step();
    void leave_group(TimePoint deadline);
    bool take_trouble(Message& out);
    /// Throws _unknown_group without one; `why` it is wanted.
    void check_group(const char* why) const;
    /// The start of a call that hands out messages: max.poll.interval.ms counts anew.
    void begin_poll();
    /// What was handed out together counts as worked off.
    void finish_records();
    void commit_uncommitted();
    void finish_close(std::chrono::milliseconds timeout, TimePoint deadline);
    /// With a thread of its own: the last commits, and the end of reading, at the same time.
    void finish_at_brokers(TimePoint deadline);
    void ask_committed(std::vector<TopicPartition> partitions, Duration limit, core::CommittedReply reply);

    const std::shared_ptr<ConsumerDriver> driver_;
    mutable std::mutex use_; ///< uncontended unless an asynchronous poll runs elsewhere
    bool closed_ = false;
    std::atomic<std::thread::id> closing_{}; ///< the thread that is in close
    std::vector<std::string> subscription_;
    RebalanceHandlers handlers_;
    bool subscribed_ = false; ///< ever; so the group may have to be left still
    bool acted_ = false;  ///< the application has changed its assignment in a rebalance handler
    bool by_hand_ = false; ///< what is assigned the application has chosen, outside of a group
    bool in_step_ = false; ///< of a rebalance: assigning is the group's doing
    std::thread::id stepping_{}; ///< the thread that takes it
    const core::group::Rebalance* step_ = nullptr;
    bool losing_ = false; ///< what is assigned is the group's no more: nothing of it can be committed
    const bool stores_; ///< offsets of what is handed out
    std::atomic<bool> records_out_{false}; ///< handed out together, not yet stored; while false there is no consumed_
    std::shared_ptr<void> consumed_; ///< lease of what `consume` returned last
    Loan lending_;                   ///< what a Records is being filled with
    bool spent_ = false;             ///< the memory budget, when there was something to hand out
    std::atomic<bool> woken_{false};
    core::StreamId last_stream_ = 0;
    std::unordered_map<TopicPartition, std::unique_ptr<Assigned>> assigned_;
    std::unordered_map<core::StreamId, Assigned*> streams_;
    std::unordered_map<std::string, std::shared_ptr<const std::string>> names_; ///< of topics, shared by their messages
    std::vector<Assigned*> ready_; ///< partitions with something to hand out, not paused
    size_t turn_ = 0;              ///< whose turn it is in `ready_`
    std::vector<core::FetchEvent> taken_;
    DecodeContext context_;
};

} // namespace ottla::client
