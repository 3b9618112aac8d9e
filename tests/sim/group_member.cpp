#include "sim/group_member.hpp"

#include <algorithm>

#include "base/virtual_wait.hpp"

namespace ottla::sim {
namespace {

constexpr Duration between_calls = std::chrono::microseconds(20); // what an application does between two calls
constexpr Duration handler_patience = std::chrono::seconds(30);

bool is_expected(const Error& error) {
    return error.errc() == Errc::_max_poll_exceeded || error.errc() == Errc::_fatal || // fenced by its successor
           error.errc() == Errc::unreleased_instance_id;                              // its predecessor is still there
}

} // namespace

GroupMember::GroupMember(
    World& world, GroupJudge& judge, std::string name, config::ClientConfig config, MemberStyle style
)
    : world_(world)
    , judge_(judge)
    , name_(std::move(name))
    , config_(std::move(config))
    , style_(style)
    , loop_(std::make_shared<EngineLoop>(world))
    , driver_(std::make_shared<client::ConsumerDriver>(
          loop_,
          config_,
          [this](int level, std::string_view facility, std::string_view, std::string_view text) {
              if (facility != "INIT" && facility != "TERMINATE") // which name the client by its number in the process
                  world_.note("{}: {} {}: {}", name_, level, facility, text);
          },
          [this](const KafkaError& error) { world_.note("{}: {}", name_, error.str()); },
          client::Observers{.on_commit = [this](const Error& error, const auto& rows) {
              if (commits_by_itself()) {
                  --commits_under_way_;
                  on_committed(error, rows);
              }
          }}
      ))
    , consumer_(std::make_shared<client::ConsumerImpl>(driver_)) {
    judge_.add(*this);
    loop_->watch(driver_);
    loop_->post([driver = driver_](TimePoint) { driver->start(); });
    step_soon();
}

GroupMember::~GroupMember() {
    ended_ = true;
    driver_->stop(world_.now());
    loop_->kill();
}

// --- what befalls it

void GroupMember::subscribe(std::vector<std::string> topics) {
    if (ended_ || wants_to_close_ || driver_->fatal())
        return;
    std::sort(topics.begin(), topics.end());
    world_.note("{} subscribes to {}", name_, fmt::join(topics, " "));
    topics_ = topics;
    consumer_->subscribe(std::move(topics), handlers());
}

void GroupMember::unsubscribe() {
    if (ended_ || wants_to_close_ || driver_->fatal())
        return;
    world_.note("{} unsubscribes", name_);
    topics_.clear();
    consumer_->unsubscribe();
}

void GroupMember::pause(Duration time) {
    if (ended_)
        return;
    world_.note("{} pauses for {} ms", name_, time / 1ms);
    rests_until_ = std::max(rests_until_, world_.now() + time);
    if (poll_under_way_)
        consumer_->wakeup();
    if (waits_) {
        leave_poll();
        step_at(rests_until_);
    }
}

void GroupMember::hang() {
    if (ended_)
        return;
    world_.note("{} hangs", name_);
    hung_ = true;
    if (poll_under_way_)
        consumer_->wakeup();
    if (waits_)
        leave_poll();
}

void GroupMember::close() {
    if (ended_ || wants_to_close_)
        return;
    world_.note("{} is to close", name_);
    wants_to_close_ = true;
    if (waits_ || poll_under_way_) {
        leave_poll();
        step_soon();
    }
}

void GroupMember::close_at_once() {
    if (ended_ || in_step_)
        return;
    world_.note("{} closes at once", name_);
    leave_poll();
    consumer_->close({.timeout = 0ms});
    ended_ = closing_ = true;
    held_.clear();
}

void GroupMember::crash(Network::Ending ending) {
    if (ended_)
        return;
    world_.note("{} crashes{}", name_, ending == Network::Ending::silent ? " silently" : "");
    ended_ = true;
    held_.clear();
    loop_->kill();
    world_.network.end_process(loop_->turns(), ending);
}

// --- what is known of it

const GroupMember::Held* GroupMember::holds(const TopicPartition& where) const {
    const auto it = held_.find(where);
    return it == held_.end() ? nullptr : &it->second;
}

bool GroupMember::is_current() const {
    if (ended_ || !driver_->running())
        return false;
    const core::Committer who = driver_->committer();
    // What a member of the new protocol has is bound to its membership, not to the epoch, which it may be the last to hear of.
    if (const mock::ConsumerGroup* group = world_.cluster.consumer_groups().find(GroupJudge::group)) {
        const mock::ConsumerMember* known = who.generation < 0 ? nullptr : group->find(who.member);
        return known && (known->classic ? known->epoch == who.generation : known->epoch > 0);
    }
    const mock::Group* group = world_.cluster.groups().find(GroupJudge::group);
    return group && who.generation == group->generation() &&
           std::any_of(group->members().begin(), group->members().end(), [&](const auto& member) {
               return member.id == who.member;
           });
}

bool GroupMember::is_granted(const TopicPartition& where) const {
    if (speaks_new_protocol())
        return true;
    const mock::ConsumerGroup* group = world_.cluster.consumer_groups().find(GroupJudge::group);
    const mock::ConsumerMember* known = group ? group->find(driver_->committer().member) : nullptr;
    const mock::Topic* topic = world_.cluster.find_topic(where.topic);
    if (!known || !topic)
        return !group;
    const mock::TopicIdPartition id{topic->id, where.partition};
    return known->assigned.contains(id) || known->revoking.contains(id);
}

// --- the application's thread

void GroupMember::step_at(TimePoint when) {
    world_.queue.at(when, [this, turn = ++turn_] {
        if (turn == turn_)
            step();
    });
}

void GroupMember::step_soon() { step_at(world_.now() + between_calls); }

void GroupMember::leave_poll() {
    waits_ = false;
    ++turn_;
    if (poll_under_way_)
        return; // it ends by itself
    driver_->queue().take_waiter();
    driver_->poll_clock().inside.store(false);
}

void GroupMember::step() {
    if (ended_ || hung_ || !world_.violation.empty())
        return;
    if (in_step_) { // it waits in a handler
        step_at(world_.now() + 1ms);
        return;
    }
    leave_poll();
    if (poll_under_way_ && !(wants_to_close_ && style_.closes_in_poll && !commits_by_itself() && !style_.unsubscribes_first)) {
        consumer_->wakeup();
        return;
    }
    if (world_.now() < rests_until_) {
        step_at(rests_until_);
        return;
    }
    in_step_ = true;
    try {
        if (driver_->fatal_told())
            close_now();
        else if (wants_to_close_ && commits_under_way_ == 0 && (held_.empty() || !style_.unsubscribes_first))
            commit_and_close();
        else
            poll();
    } catch (const KafkaException& e) {
        if (!ended_)
            world_.violate("{}: {}", name_, e.what());
    }
    in_step_ = false;
    judge_.look();
    judge_.check_owners();
}

void GroupMember::poll() {
    if (wants_to_close_ && style_.unsubscribes_first && !topics_.empty()) {
        topics_.clear();
        consumer_->unsubscribe();
    }
    maybe_seek();
    switch (style_.reading) {
    case MemberStyle::Reading::async:
        start_poll();
        return;
    case MemberStyle::Reading::batches:
        consumer_->poll_records(records_, 0ms);
        take_batches();
        break;
    case MemberStyle::Reading::single:
        take_single();
        break;
    }
    after_poll();
}

void GroupMember::start_poll() {
    poll_under_way_ = true;
    consumer_->start_poll(Handler<Records>([this](error_code ec, Records records) { on_polled(ec, std::move(records)); }));
    if (wants_to_close_) // what it waits for may be over
        step_at(world_.now() + 20ms);
    else if (commits_by_itself()) // what has failed is to be done again, though nothing comes
        step_at(world_.now() + std::max<Duration>(style_.longest_poll, 50ms));
}

void GroupMember::on_polled(error_code ec, Records records) {
    poll_under_way_ = false;
    records_ = std::move(records); // not worked off before the next call
    if (ended_ || closing_ || hung_ || !world_.violation.empty())
        return;
    if (ec && ec != boost::asio::error::operation_aborted)
        world_.violate("{}: an asynchronous poll ends with {}", name_, ec.message());
    in_step_ = true;
    take_batches();
    after_poll();
    in_step_ = false;
    judge_.look();
    judge_.check_owners();
}

/// Back to something it has worked off, while nothing is in hand or being committed.
void GroupMember::maybe_seek() {
    if (seeks_ >= style_.seeks || wants_to_close_ || commits_under_way_ != 0 || !work_.empty() || !world_.chance(10))
        return;
    std::vector<TopicPartition> all;
    for (const auto& [where, held] : held_)
        if (held.first >= 0 && held.first < held.next)
            all.push_back(where);
    if (all.empty())
        return;
    ++seeks_;
    const TopicPartition where = all[world_.rng.below(all.size())];
    Held& held = held_[where];
    const int64_t to = world_.between(held.first, held.next - 1);
    world_.note("{} seeks to {}[{}] at {}", name_, where.topic, where.partition, to);
    judge_.on_seek(where, to, held.next);
    held.next = to;
    consumer_->seek({.topic = where.topic, .partition = where.partition, .offset = to});
}

void GroupMember::after_poll() {
    if (ended_)
        return; // in a handler
    if (!work_.empty())
        world_.queue.after(world_.within(style_.longest_work), [this, turn = ++turn_] {
            if (turn != turn_ || ended_ || hung_)
                return;
            finish_work();
            if (style_.committing == Committing::waiting && begin_commit())
                commit_waiting([this] { step_soon(); });
            else {
                if (style_.committing == Committing::unwaited && begin_commit())
                    consumer_->commit_async(to_commit());
                step_soon();
            }
        });
    else if (begin_commit()) // what failed before
        commit_waiting([this] { step_soon(); });
    else
        wait_for_records();
}

void GroupMember::take_batches() {
    for (const RecordBatch& batch : records_.batches())
        for (const RecordView& record : batch)
            take_record(batch.topic(), batch.partition(), record);
    for (const ottla::Message& event : records_.events())
        take_event(event);
}

void GroupMember::take_single() {
    for (int left = 10; left > 0 && !ended_; --left) {
        const auto message = consumer_->poll(0ms);
        if (!message)
            return;
        if (message->error()) {
            take_event(*message);
            return;
        }
        take_record(message->topic(), message->partition(), message->record());
        if (style_.committing == Committing::automatic)
            finish_work(); // what is handed out alone counts as done
    }
}

void GroupMember::take_event(const ottla::Message& event) {
    world_.note("{}: {}", name_, event.error().message());
    if (event.error().errc() == Errc::_fatal)
        wants_to_close_ = true;
    if (!is_expected(event.error()) || (judge_.calm()))
        world_.violate("{} is told: {} {}", name_, error_name(event.error().errc()), event.error().message());
}

void GroupMember::take_record(const std::string& topic, int32_t partition, const RecordView& record) {
    const TopicPartition where{topic, partition};
    if (!judge_.on_given(*this, where, record.offset(), record.value().text()))
        return;
    Held& held = held_[where];
    if (held.first < 0)
        held.first = record.offset();
    held.next = record.offset() + 1;
    work_.emplace_back(where, record.offset());
}

void GroupMember::finish_work() {
    std::map<TopicPartition, int64_t> done;
    for (const auto& [where, offset] : work_) {
        judge_.on_worked_off(*this, where, offset);
        done[where] = offset + 1;
    }
    work_.clear();
    std::vector<TopicPartitionOffset> stored;
    for (const auto& [where, next] : done) {
        const auto it = held_.find(where);
        if (it == held_.end())
            continue;
        it->second.done = next;
        stored.push_back({.topic = where.topic, .partition = where.partition, .offset = next});
    }
    if (style_.committing == Committing::stored && !stored.empty())
        consumer_->store_offsets(stored);
}

void GroupMember::wait_for_records() {
    if (style_.reading == MemberStyle::Reading::async) {
        step_soon();
        return;
    }
    if (style_.longest_poll == Duration()) { // an application that does other things between its polls
        step_at(world_.now() + world_.within(50ms));
        return;
    }
    waits_ = true;
    const uint64_t turn = ++turn_;
    client::ConsumerQueue::Waiter waiter = [this, turn](error_code) {
        world_.queue.after(between_calls, [this, turn] {
            if (turn == turn_)
                step();
        });
    };
    if (!driver_->queue().set_waiter(waiter)) {
        waits_ = false;
        step_soon();
        return;
    }
    driver_->poll_clock().inside.store(true);
    world_.queue.after(style_.longest_poll, [this, turn] {
        if (turn == turn_)
            step();
    });
}

// --- commits of its own

/// Whether it has something to commit.
bool GroupMember::begin_commit() {
    if (driver_->fatal() || !commits_by_itself() || commits_under_way_ != 0 || to_commit().empty())
        return false;
    ++commits_under_way_;
    return true;
}

std::vector<CommittedOffset> GroupMember::to_commit() {
    if (!style_.commits_what)
        return consumer_->stored();
    std::vector<CommittedOffset> all;
    for (const auto& [where, held] : held_) {
        if (held.done < 0 || held.done == held.committed)
            continue;
        auto& row = all.emplace_back();
        row.topic = where.topic;
        row.partition = where.partition;
        row.offset = held.done;
    }
    return all;
}

void GroupMember::commit_waiting(MoveOnlyFunction<void()> then) {
    ++turn_;
    consumer_->start_commit(
        to_commit(),
        [this, then = std::move(then)](error_code ec, std::vector<CommittedOffset> rows) mutable {
            if (ended_)
                return;
            --commits_under_way_;
            on_committed(Error(static_cast<Errc>(ec.value())), rows);
            then();
        }
    );
}

void GroupMember::on_committed(const Error& error, const std::vector<CommittedOffset>& rows) {
    if (error)
        return;
    for (const auto& row : rows)
        if (const auto it = held_.find({row.topic, row.partition}); it != held_.end() && !row.error)
            it->second.committed = row.offset;
}

// --- rebalances

RebalanceHandlers GroupMember::handlers() {
    return {
        .on_assign = [this](const auto& partitions) { on_assign(partitions); },
        .on_revoke = [this](const auto& partitions) { on_revoke(partitions); },
        .on_lost = [this](const auto& partitions) { on_lost(partitions); }};
}

void GroupMember::on_assign(const std::vector<TopicPartition>& partitions) {
    std::string names;
    for (const auto& where : partitions)
        names += fmt::format(" {}[{}]", where.topic, where.partition);
    world_.note("{} is assigned{}", name_, names);
    judge_.on_assigned(*this, partitions);
    if (!cooperative() && !held_.empty())
        world_.violate("{} is assigned anew, and has not given up what it has", name_);
    for (const auto& where : partitions)
        held_[where] = {.since = world_.now()};
    judge_.check_owners();
    if (!style_.assigns_itself)
        return;
    std::vector<TopicPartitionOffset> from;
    for (const auto& where : partitions)
        from.push_back({.topic = where.topic, .partition = where.partition, .offset = offset_stored});
    if (cooperative())
        consumer_->incremental_assign(from);
    else
        consumer_->assign(from);
}

void GroupMember::on_revoke(const std::vector<TopicPartition>& partitions) {
    world_.note("{} gives up {} partitions", name_, partitions.size());
    judge_.on_given_up(*this, partitions, false);
    if (commits_by_itself() && style_.commits_in_revoke && !to_commit().empty()) {
        if (style_.committing == Committing::unwaited) {
            ++commits_under_way_;
            consumer_->commit_async(to_commit());
        } else {
            // The thread waits here; the world goes on.
            const bool was_in_step = std::exchange(in_step_, true);
            const auto done = std::make_shared<bool>(false);
            consumer_->start_commit(to_commit(), [this, done](error_code ec, std::vector<CommittedOffset> rows) {
                on_committed(Error(static_cast<Errc>(ec.value())), rows);
                *done = true;
            });
            world_.run_until(world_.now() + handler_patience, [&] {
                judge_.look();
                return *done || ended_;
            });
            in_step_ = was_in_step;
            if (!*done && !ended_ && world_.violation.empty())
                world_.violate("{}: a commit in a rebalance handler has not ended", name_);
        }
    }
    give_up(partitions);
}

void GroupMember::on_lost(const std::vector<TopicPartition>& partitions) {
    world_.note("{} has lost {} partitions", name_, partitions.size());
    judge_.on_given_up(*this, partitions, true);
    give_up(partitions);
}

void GroupMember::give_up(const std::vector<TopicPartition>& partitions) {
    for (const auto& where : partitions)
        held_.erase(where);
    if (!cooperative() && !held_.empty())
        world_.violate("{} gives up a part of what it has", name_);
    if (!style_.assigns_itself || ended_)
        return;
    if (cooperative())
        consumer_->incremental_unassign(partitions);
    else
        consumer_->assign({});
}

// --- the end

void GroupMember::commit_and_close() {
    records_ = {}; // worked off: whoever keeps them says that they are not
    if (!begin_commit())
        close_now();
    else
        commit_waiting([this] { judge_.calm() ? step_soon() : close_now(); });
}

void GroupMember::close_now() {
    if (ended_)
        return;
    if (style_.blocks_in_close) {
        close_blocking();
        return;
    }
    world_.note("{} closes", name_);
    leave_poll();
    ended_ = closing_ = true;
    held_.clear();
    consumer_->close({.timeout = 30s});
}

/// The thread waits in the call, which runs the rebalance handlers; the world goes on.
void GroupMember::close_blocking() {
    const Duration patience = judge_.calm() || world_.chance(50) ? handler_patience : Duration(world_.ms_between(1, 2000));
    world_.note("{} closes, and waits for it", name_);
    leave_poll();
    closing_ = true;
    const auto outer = std::exchange(probe::virtual_wait, [&](const std::function<bool()>& done) {
        world_.run_until(world_.now() + patience, [&] {
            judge_.look();
            return ended_ || done();
        });
    });
    loop_->set_blocking(true);
    try {
        consumer_->close({.timeout = 30s});
    } catch (const KafkaException& e) {
        // Else it was in the midst of it when its process ended, or a handler has committed after the end for good.
        if (!ended_ && e.error().code() != Errc::_fatal)
            world_.violate("{}: closing: {}", name_, e.what());
    }
    loop_->set_blocking(false);
    probe::virtual_wait = outer;
    ended_ = true;
    held_.clear();
}

} // namespace ottla::sim
