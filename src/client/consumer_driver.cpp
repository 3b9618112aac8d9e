#include "client/consumer_driver.hpp"

#include "client/certain_reply.hpp"
#include "client/consumer_assignors.hpp"
#include "client/link_options.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <random>
#include <string_view>

#include "base/probe.hpp"
#include "core/group/consumer_member.hpp"

namespace ottla::client {
namespace {

constexpr uint32_t lane_owner = 1; // the cluster is private to this consumer, so any number does

} // namespace

uint64_t (*ConsumerDriver::random_seed)() = [] {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32) | device();
};

ConsumerDriver::ConsumerDriver(
    std::shared_ptr<engine::Loop> loop, config::ClientConfig config, LogSink log, ErrorHandler on_error, Observers observers,
    std::vector<std::shared_ptr<ConsumerInterceptor>> interceptors
)
    : loop_(std::move(loop))
    , config_(std::move(config))
    , events_(config_, ClientKind::consumer, std::move(log), std::move(on_error), std::move(observers))
    , interceptors_(std::move(interceptors), events_)
    , queue_([this] {
        rung_.store(true, std::memory_order_release);
        loop_->notify();
    })
    , memory_(
          config_.memory_budget == 0
              ? nullptr
              : std::make_shared<MemoryBudget>(
                    config_.memory_budget, [this] { on_memory_room(); }, [this](const MemoryBudget& memory) { on_memory_spent(memory); }
                )
      )
    , statistics_(config_.statistics_interval, [this](TimePoint now) { emit_statistics(now); })
    , auto_commit_(commits_by_itself() ? config_.auto_commit_interval : Duration::zero(), [this](TimePoint) { commit_by_itself(); }) {
    events_.set_waker([this] {
        callbacks_.store(true, std::memory_order_release);
        queue_.interrupt();
    });
}

ConsumerDriver::~ConsumerDriver() {
    if (memory_)
        memory_->close();
}

DecodeContext ConsumerDriver::decoding() const {
    // What alone is larger than the budget can never be had.
    const size_t largest =
        memory_ ? std::min(codec::default_max_decompressed, static_cast<size_t>(memory_->limit())) : codec::default_max_decompressed;
    return {.check_crcs = config_.check_crcs, .budget = memory_, .decoder = record::BatchDecoder(largest, decompressors_)};
}

void ConsumerDriver::on_memory_room() {
    rung_.store(true, std::memory_order_release);
    loop_->notify();
    queue_.interrupt_all();
}

// At most once a minute.
void ConsumerDriver::on_memory_spent(const MemoryBudget& memory) {
    constexpr int64_t interval = 60'000'000'000;
    const int64_t now = engine::Loop::now().time_since_epoch().count();
    int64_t told = memory_told_.load(std::memory_order_relaxed);
    if ((told == 0 || now - told >= interval) && memory_told_.compare_exchange_strong(told, now))
        events_.on_log(
            4, "MEMORY",
            fmt::format(
                "ottla.memory.budget of {} bytes is spent: {} bytes are in use, {} of them decompressed or views of records; reading goes "
                "on when the application lets go of messages or records",
                memory.limit(), memory.used(), memory.prepared()
            )
        );
}

void ConsumerDriver::start() {
    cluster_.emplace(
        loop_->scheduler(), loop_->make_links(link_options(config_)), config_, events_, random_seed()
    );
    fetcher_.emplace(
        cluster_->caller(), cluster_->metadata(), queue_, config_, lane_owner, random_seed(), events_.log()
    );
    if (memory_)
        fetcher_->set_memory(memory_);
    fetcher_->set_clock([] {
        const auto since = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    });
    starts_.emplace(
        cluster_->caller(), *fetcher_, queue_, config_, random_seed(), [this] { return committer_->answered(commits_to_see_); }, events_.log()
    );
    starts_->on_found([this](const CommittedOffset& found) { stored_.on_known(found); });
    starts_->ask_by_ids(cluster_->metadata());
    committer_.emplace(cluster_->caller(), config_.group_id, config_.socket_timeout, events_.log());
    committer_->name_by_ids(cluster_->metadata());
    if (!config_.group_id.empty()) {
        member_ = make_member();
        committer_->ask_latest([this] { return member_->committer(); });
        if (config_.group_protocol == config::GroupProtocol::consumer)
            starts_->ask_as([this](core::CommittedQuery& query) { sign(query); });
        loop_->scheduler().add(*member_);
    }
    loop_->scheduler().add(*fetcher_);
    loop_->scheduler().add(*starts_);
    loop_->scheduler().add(auto_commit_);
    loop_->scheduler().add(statistics_);
    loop_->add_source(*this);
}

std::unique_ptr<core::group::Membership> ConsumerDriver::make_member() {
    using namespace core::group;
    const Membership::Ports ports{cluster_->caller(), cluster_->metadata(), *this, poll_clock_, lane_owner};
    if (config_.group_protocol == config::GroupProtocol::consumer)
        return std::make_unique<ConsumerMember>(ports, config_, random_seed(), events_.log());
    return std::make_unique<ClassicMember>(ports, config_, assignors_.empty() ? assignors_of(config_.assignors) : std::move(assignors_), random_seed(), events_.log());
}

void ConsumerDriver::sign(core::CommittedQuery& query) const {
    if (core::Committer who = member_->committer(); who.generation > 0) {
        query.member = std::move(who.member);
        query.member_epoch = who.generation;
    }
}

void ConsumerDriver::stop(TimePoint now) {
    if (!fetcher_)
        return;
    loop_->remove_source(*this);
    loop_->scheduler().remove(statistics_);
    loop_->scheduler().remove(auto_commit_);
    if (member_)
        loop_->scheduler().remove(*member_);
    member_.reset();
    committer_.reset();
    loop_->scheduler().remove(*starts_);
    starts_.reset();
    loop_->scheduler().remove(*fetcher_);
    fetcher_.reset();
    cluster_->close(now);
    cluster_.reset();
    interceptors_.close();
}

void ConsumerDriver::read(core::FetchStart start, TimePoint now) {
    const bool by_group = start.offset == offset_invalid || start.offset == offset_stored;
    if (!by_group || config_.group_id.empty() || probe::planted("start_at_reset")) {
        fetcher_->add(std::move(start), now);
        return;
    }
    commits_to_see_ = committer_->asked();
    starts_->add(std::move(start));
}

void ConsumerDriver::remove(core::StreamId stream) {
    starts_->remove(stream);
    fetcher_->remove(stream);
    queue_.forget(stream);
}

void ConsumerDriver::pause(core::StreamId stream) {
    starts_->set_paused(stream, true);
    fetcher_->pause(stream);
}

void ConsumerDriver::resume(core::StreamId stream) {
    starts_->set_paused(stream, false);
    fetcher_->resume(stream);
}

void ConsumerDriver::commit(std::vector<CommittedOffset> offsets, core::CommitReply reply) {
    CertainReply<const Error&, std::vector<CommittedOffset>> certain(
        [this, reply = std::move(reply)](const Error& error, std::vector<CommittedOffset> rows) mutable {
            if (!error)
                stored_.on_committed(rows);
            interceptors_.on_commit(error, rows);
            if (error.errc() == Errc::fenced_instance_id)
                note_fatal(error);
            if (starts_)
                starts_->wake();
            finish_step();
            reply(error, std::move(rows));
            tell_commits_over();
        },
        Error(Errc::_destroy, "the consumer was closed during the commit"), offsets
    );
    if (member_ && !member_->may_commit()) {
        const Error error(Errc::unknown_member_id, "group " + config_.group_id + ": this consumer is not in it at present");
        for (auto& offset : offsets)
            offset.error = error;
        certain(error, std::move(offsets));
    } else if (committer_) {
        committer_->commit(member_ ? member_->committer() : core::Committer(), std::move(offsets), std::move(certain));
    }
}

void ConsumerDriver::commit_and_tell(std::vector<CommittedOffset> offsets, MoveOnlyFunction<void()> done) {
    if (offsets.empty()) {
        if (done)
            done();
        return;
    }
    commit(std::move(offsets), [this, done = std::move(done)](const Error& error, std::vector<CommittedOffset> rows) mutable {
        events_.on_commit(error, std::move(rows));
        if (done)
            done();
    });
}

void ConsumerDriver::commit_last(MoveOnlyFunction<void()> over) {
    if (commits_by_itself() && !probe::planted("close_without_commit"))
        commit_and_tell(stored_.uncommitted());
    last_commit_ = committer_ ? committer_->asked() : 0;
    commits_over_ = std::move(over);
    tell_commits_over();
}

void ConsumerDriver::tell_commits_over() {
    if (commits_over_ && (!committer_ || committer_->answered(last_commit_)))
        std::exchange(commits_over_, {})();
}

// One at a time: a slow coordinator would get them faster than it can answer. And not after the last one, when the group has been
// left: what is stored still belongs to others then.
void ConsumerDriver::commit_by_itself() {
    if (committing_by_itself_ || ending_)
        return;
    committing_by_itself_ = true;
    commit_and_tell(stored_.uncommitted(), [this] { committing_by_itself_ = false; });
}

void ConsumerDriver::serve_callbacks() {
    if (!callbacks_.load(std::memory_order_relaxed) || !callbacks_.exchange(false, std::memory_order_acquire))
        return;
    if (thrown_) {
        callbacks_.store(events_.pending(), std::memory_order_release);
        std::rethrow_exception(std::exchange(thrown_, nullptr));
    }
    events_.serve();
}

void ConsumerDriver::throw_next(std::exception_ptr thrown) {
    thrown_ = std::move(thrown);
    callbacks_.store(true, std::memory_order_release);
}

void ConsumerDriver::drain(TimePoint) {
    if (fetcher_ && rung_.exchange(false, std::memory_order_acquire))
        fetcher_->wake();
}

void ConsumerDriver::on_context_gone() noexcept {
    queue_.drop_waiters(); // and with them their handlers, while their executors still exist
}

} // namespace ottla::client
