// A group reads while a producer writes: members join, leave, crash, pause and change their minds, topics grow,
// everything breaks; then it heals, and the group gets to the end.
#include <algorithm>
#include <memory>

#include "client/consumer_driver.hpp"
#include "sim/group_member.hpp"
#include "sim/producer_client.hpp"
#include "sim/scenery.hpp"
#include "sim/trouble.hpp"
#include "sim/workload.hpp"

namespace ottla::sim {
namespace {

constexpr size_t most_members = 8;

enum class Speaks {
    classic,
    consumer, ///< the protocol of KIP-848
    both,     ///< some members the one, some the other
};

constexpr std::string_view name_of(Speaks speaks) {
    return speaks == Speaks::classic ? "classic" : speaks == Speaks::consumer ? "consumer" : "both protocols";
}

/// What members of one group have in common, drawn before anything happens.
struct Plan {
    Speaks speaks = Speaks::classic;
    std::string assignors;
    bool calm = false; ///< only what a group does by itself, and all leave properly
    bool exactly_once = false;
    int static_members = 0; ///< percent
    bool topics_grow = false;
    bool seeks = false; ///< members go back in what they have worked off
    Duration span{};
    int64_t messages = 0;
    std::chrono::milliseconds session{};
    std::chrono::milliseconds longest_interval{}; ///< max.poll.interval.ms
};

Plan draw(World& world, bool trouble) {
    static constexpr std::array assignors{
        "range",  "roundrobin", "sticky", "range,roundrobin", "cooperative-sticky", "cooperative-sticky", "cooperative-sticky"};
    Plan plan;
    plan.speaks = world.chance(50) ? Speaks::classic : world.chance(60) ? Speaks::consumer : Speaks::both;
    plan.assignors = assignors[world.rng.below(assignors.size())];
    plan.calm = !trouble || world.chance(15);
    // Members of the classic protocol that are behind when the last one of the new protocol goes are left behind.
    plan.exactly_once = plan.calm && plan.speaks != Speaks::both && world.chance(70);
    plan.static_members = world.chance(70) ? 0 : world.chance(50) ? 100 : 50;
    plan.topics_grow = world.chance(40);
    plan.seeks = world.chance(25);
    plan.span = world.ms_between(300, world.chance(70) ? 3000 : 8000);
    plan.messages = world.between(1, world.chance(30) ? 150 : 60);
    plan.session = world.ms_between(300, 2000);
    plan.longest_interval = plan.session + world.ms_between(200, 2000);
    return plan;
}

class GroupWorld {
public:
    GroupWorld(const RunOptions& options);

    RunResult run();

private:
    config::ClientConfig config_of_member();
    MemberStyle style_of_member();
    std::vector<std::string> some_topics();
    GroupMember& start(std::string instance, std::vector<std::string> topics);
    /// One of those that work, or any that run; null: there is none.
    GroupMember* any_working();
    size_t working() const;
    void act();
    void keep_producing(int64_t left);
    void grow();
    void settle();
    void end();

    World world_;
    const bool trouble_wanted_;
    const int brokers_;
    const Plan plan_;
    Ledger ledger_;
    std::unique_ptr<ProducerClient> producer_;
    GroupJudge judge_;
    Trouble trouble_;
    std::vector<std::unique_ptr<GroupMember>> members_;
    std::map<std::string, std::vector<std::string>> static_topics_; ///< by instance id
    TimePoint end_{};
    bool ending_ = false; ///< nobody comes any more
    uint64_t (*seed_before_)();
    static World* current_;
};

World* GroupWorld::current_ = nullptr;

WorldOptions world_options(const RunOptions& options) {
    Rng rng(~options.seed); // the world's own is not there yet
    mock::ConsumerGroupOptions consumers;
    consumers.session_timeout = std::chrono::milliseconds(300 + rng.below(1700));
    consumers.heartbeat_interval = std::max<std::chrono::milliseconds>(20ms, consumers.session_timeout / (3 + rng.below(6)));
    if (rng.below(4) == 0)
        consumers.heartbeat_interval = std::chrono::milliseconds(10 + rng.below(40));
    consumers.takes_older_epochs = rng.below(2) == 0;
    return {
        .seed = options.seed,
        .transcript_lines = options.transcript_lines,
        .groups = {.shortest_session = 10ms},
        .consumer_groups = consumers,
    };
}

GroupWorld::GroupWorld(const RunOptions& options)
    : world_(world_options(options))
    , trouble_wanted_(options.trouble)
    , brokers_(static_cast<int>(world_.between(1, 4)))
    , plan_((world_.add_brokers(brokers_), draw(world_, options.trouble)))
    , ledger_(world_, {.idempotent = true, .in_order = true})
    , judge_(world_)
    , trouble_(world_, {})
    , seed_before_(client::ConsumerDriver::random_seed) {
    current_ = &world_;
    client::ConsumerDriver::random_seed = [] { return current_->rng.next(); };
    create_topics(world_);
    config::ClientConfig config = base_config(world_);
    config.enable_idempotence = true;
    config.max_in_flight = 5;
    config.linger_ms = 0;
    config.message_timeout = 0s;
    config.request_timeout = 1s;
    producer_ = std::make_unique<ProducerClient>(world_, ledger_, config, world_.rng.next());
    trouble_.add(producer_->loop());
    if (plan_.calm)
        judge_.expect_calm(plan_.speaks != Speaks::both, plan_.exactly_once);
}

config::ClientConfig GroupWorld::config_of_member() {
    config::ClientConfig config = base_config(world_);
    config.group_id = GroupJudge::group;
    config.client_id = fmt::format("m{}", members_.size());
    config.log_level = 7;
    config.allow_auto_create_topics = false;
    config.auto_offset_reset = config::OffsetReset::earliest;
    config.isolation = world_.chance(50) ? config::Isolation::read_committed : config::Isolation::read_uncommitted;
    config.assignors = plan_.assignors;
    config.session_timeout = plan_.session;
    config.heartbeat_interval = std::max<std::chrono::milliseconds>(20ms, plan_.session / world_.between(3, 8));
    if (plan_.calm && world_.chance(50)) // often enough to come between the steps of a rebalance
        config.heartbeat_interval = world_.ms_between(10, 50);
    if (plan_.speaks == Speaks::consumer || (plan_.speaks == Speaks::both && world_.chance(50))) {
        config.group_protocol = config::GroupProtocol::consumer;
        config.group_remote_assignor = world_.chance(50) ? "" : world_.chance(50) ? "uniform" : "range";
    }
    config.max_poll_interval = plan_.longest_interval;
    config.auto_commit_interval = world_.chance(plan_.calm ? 50 : 20) ? world_.ms_between(1, 20) : world_.ms_between(20, 800);
    config.fetch_wait_max = world_.ms_between(20, 400);
    config.fetch_error_backoff = world_.ms_between(1, 300);
    config.fetch_partition_max_bytes = static_cast<int32_t>(world_.chance(50) ? 1'000'000 : world_.between(1, 3000));
    config.queued_min_messages = static_cast<int32_t>(world_.between(1, 100));
    if (plan_.topics_grow)
        config.metadata_refresh_interval = world_.ms_between(100, 3000);
    return config;
}

MemberStyle GroupWorld::style_of_member() {
    MemberStyle style;
    style.reading = static_cast<MemberStyle::Reading>(world_.rng.below(3));
    style.blocks_in_close = world_.chance(30);
    style.closes_in_poll = world_.chance(50);
    style.seeks = plan_.seeks ? static_cast<int>(world_.between(0, 3)) : 0;
    style.committing = static_cast<MemberStyle::Committing>(world_.rng.below(4));
    style.longest_work = world_.chance(50) ? 1ms : world_.ms_between(1, 100);
    style.commits_what = world_.chance(50);
    style.commits_in_revoke = plan_.exactly_once || world_.chance(80);
    style.assigns_itself = world_.chance(30);
    style.unsubscribes_first = world_.chance(30);
    style.longest_poll = world_.chance(30) ? 0ms : world_.ms_between(10, 1000);
    return style;
}

std::vector<std::string> GroupWorld::some_topics() {
    std::vector<std::string> topics;
    for (const auto& [name, topic] : world_.cluster.topics())
        if (world_.chance(80))
            topics.push_back(name);
    if (topics.empty())
        topics.push_back(world_.cluster.topics().begin()->first);
    return topics;
}

GroupMember& GroupWorld::start(std::string instance, std::vector<std::string> topics) {
    config::ClientConfig config = config_of_member();
    const std::string name = config.client_id;
    // A coordinator gives a static member that is back its old share, whatever it subscribes to now, until somebody else causes
    // a rebalance (KIP-345): they keep to their topics.
    if (!instance.empty())
        topics = static_topics_.try_emplace(instance, std::move(topics)).first->second;
    config.group_instance_id = std::move(instance);
    const MemberStyle style = style_of_member();
    config.enable_auto_commit =
        style.committing == MemberStyle::Committing::automatic || style.committing == MemberStyle::Committing::stored;
    config.enable_auto_offset_store = style.committing != MemberStyle::Committing::stored;
    world_.note(
        "{} starts{}{}: {}, commits {}", name, config.group_instance_id.empty() ? "" : " as ", config.group_instance_id,
        config.group_protocol == config::GroupProtocol::consumer ? "consumer" : config.assignors, static_cast<int>(style.committing)
    );
    members_.push_back(std::make_unique<GroupMember>(world_, judge_, name, std::move(config), style));
    trouble_.add(members_.back()->loop());
    members_.back()->subscribe(std::move(topics));
    return *members_.back();
}

GroupMember* GroupWorld::any_working() {
    std::vector<GroupMember*> all;
    for (const auto& member : members_)
        if (member->works())
            all.push_back(member.get());
    return all.empty() ? nullptr : all[world_.rng.below(all.size())];
}

size_t GroupWorld::working() const {
    return static_cast<size_t>(
        std::count_if(members_.begin(), members_.end(), [](const auto& member) { return member->works(); })
    );
}

/// Something happens to a member, or one comes.
void GroupWorld::act() {
    if (ending_)
        return;
    GroupMember* member = any_working();
    const auto fresh_instance = [&] {
        return world_.chance(plan_.static_members) ? fmt::format("i{}", members_.size()) : std::string();
    };
    const auto come_back = [this](std::string instance) {
        world_.queue.after(world_.ms_between(1, 2000), [this, instance = std::move(instance)] {
            if (working() < most_members && !ending_)
                start(instance, some_topics());
        });
    };
    const int64_t what = world_.between(0, plan_.calm ? 39 : 99);
    if (!member || what < 20) {
        if (working() < most_members)
            start(fresh_instance(), some_topics());
    } else if (what < 32) {
        member->close();
    } else if (what < 38) {
        if (!member->instance().empty())
            return;
        if (world_.chance(30)) {
            member->unsubscribe();
            world_.queue.after(world_.within(world_.chance(50) ? 5ms : 300ms), [this, member] { member->subscribe(some_topics()); });
        } else {
            member->subscribe(some_topics());
        }
    } else if (what < 42) {
        if (plan_.topics_grow)
            grow();
    } else if (what < 60) {
        const auto ending = world_.chance(50) ? Network::Ending::told : Network::Ending::silent;
        const std::string instance = member->instance();
        member->crash(ending);
        if (world_.chance(60))
            come_back(instance);
    } else if (what < 68) {
        member->close_at_once();
    } else if (what < 88) {
        const Duration limit = world_.chance(50) ? plan_.longest_interval : plan_.session;
        member->pause(world_.within(limit * 2));
    } else if (what < 92) {
        if (world_.chance(50))
            member->loop().stall(world_.within(plan_.session * 2));
        member->hang();
    } else if (!member->instance().empty()) { // while it still runs
        start(member->instance(), some_topics());
    } else { // the process is stopped for a while
        const Duration time = world_.within(plan_.session * 3);
        member->loop().stall(time);
        member->pause(time);
    }
}

void GroupWorld::grow() {
    auto topic = world_.cluster.topics().begin();
    std::advance(topic, static_cast<std::ptrdiff_t>(world_.rng.below(world_.cluster.topics().size())));
    if (topic->second.partitions.size() >= 8)
        return;
    mock::Partition partition;
    const mock::Partition& like = topic->second.partitions[world_.rng.below(topic->second.partitions.size())];
    partition.replicas = like.replicas;
    partition.leader = like.leader;
    partition.log.begin_epoch(partition.leader_epoch);
    topic->second.partitions.push_back(std::move(partition));
    world_.note("{} has {} partitions now", topic->first, topic->second.partitions.size());
}

void GroupWorld::keep_producing(int64_t left) {
    if (left <= 0)
        return;
    for (int64_t burst = std::min(left, world_.between(1, 6)); burst > 0; --burst, --left) {
        auto topic = world_.cluster.topics().begin();
        std::advance(topic, static_cast<std::ptrdiff_t>(world_.rng.below(world_.cluster.topics().size())));
        producer_->produce(topic->first, partition_any, static_cast<size_t>(world_.between(0, 60)));
    }
    const Duration rest = std::max<Duration>(end_ - world_.now(), 0ns);
    world_.queue.after(std::min(rest, world_.within(rest * 2 / (left / 4 + 1))), [this, left] { keep_producing(left); });
}

void GroupWorld::settle() {
    trouble_.heal();
    // Who takes over a group that has just passed to the classic protocol does not know that it was to rebalance.
    const bool may_wait_for_somebody = plan_.speaks == Speaks::both && !world_.cluster.consumer_groups().find(GroupJudge::group);
    if (working() == 0 || may_wait_for_somebody)
        start({}, some_topics());
    producer_->begin_flush();
    const auto look = [&] {
        judge_.look();
        return false;
    };
    if (!world_.run_until(world_.now() + patience, [&] { return look() || (producer_->flushed() && ledger_.unreported() == 0); }))
        world_.violate("the producer has not ended");
    // Asked now and then: looking at everything is not for each event.
    const TimePoint limit = world_.now() + patience;
    while (world_.violation.empty() && !judge_.all_is_done()) {
        if (world_.now() >= limit) {
            world_.violate("{} s after healing: {}", patience / 1s, judge_.undone());
            return;
        }
        world_.run_until(world_.now() + 50ms, look);
    }
}

void GroupWorld::end() {
    ending_ = true;
    for (const auto& member : members_)
        if (member->works())
            world_.queue.after(world_.within(500ms), [member = member.get()] { member->close(); });
    const TimePoint limit = world_.now() + patience;
    const auto closed = [&] {
        judge_.look();
        return std::none_of(members_.begin(), members_.end(), [](const auto& member) {
            return member->works() || member->wants_to_close() || member->is_closing();
        });
    };
    const bool all_closed = world_.run_until(limit, closed);
    world_.run_to(world_.now() + 1s); // what members that hang still do to a group that is empty
    judge_.look();
    if (!all_closed && world_.violation.empty())
        for (const auto& member : members_)
            if (member->works() || member->wants_to_close() || member->is_closing())
                world_.violate(
                    "{} s after {} was to close it {}", patience / 1s, member->name(),
                    member->is_closing() ? "still does" : "does not"
                );
}

RunResult GroupWorld::run() {
    world_.note(
        "{} brokers, {}, {}, session {} ms, max.poll.interval.ms {}{}{}", brokers_, name_of(plan_.speaks), plan_.assignors, plan_.session.count(),
        plan_.longest_interval.count(), plan_.calm ? ", calm" : "", plan_.exactly_once ? ", once" : ""
    );
    end_ = world_.now() + plan_.span;
    if (!plan_.calm)
        trouble_.begin(
            {.until = end_,
             .group = GroupJudge::group,
             .classic_members = plan_.speaks != Speaks::consumer,
             .consumer_members = plan_.speaks != Speaks::classic}
        );
    for (int64_t left = world_.between(1, world_.chance(30) ? most_members : 3); left > 0; --left)
        world_.queue.after(world_.within(world_.chance(50) ? 1ms : plan_.span), [this] { start({}, some_topics()); });
    for (int64_t left = world_.between(0, world_.chance(30) ? 20 : 6); left > 0; --left)
        world_.queue.after(world_.within(plan_.span), [this] { act(); });
    if (plan_.topics_grow)
        world_.queue.after(world_.within(plan_.span), [this] { grow(); });
    keep_producing(plan_.messages);
    world_.run_until(end_ + 1ns, [&] {
        judge_.look();
        return false;
    });
    if (world_.violation.empty())
        settle();
    if (world_.violation.empty())
        end();
    producer_->close();
    if (world_.violation.empty()) {
        world_.run_to(world_.now() + 15s); // late copies of what was produced
        ledger_.check_logs();
        judge_.check_values(ledger_.logs());
    }
    RunResult result = result_of(world_, ledger_);
    client::ConsumerDriver::random_seed = seed_before_;
    members_.clear();
    return result;
}

} // namespace

RunResult run_group(const RunOptions& options) { return GroupWorld(options).run(); }

} // namespace ottla::sim
