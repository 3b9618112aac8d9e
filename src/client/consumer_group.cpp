// The consumer as a member of a group: subscription, and what a rebalance does to the assignment, on the consuming thread.
#include <set>
#include <fmt/format.h>

#include "base/probe.hpp"
#include "client/consumer_impl.hpp"
#include "core/group/topic_pattern.hpp"

namespace ottla::client {
namespace {

using core::group::Rebalance;

std::vector<TopicPartitionOffset> from_stored(const std::vector<TopicPartition>& partitions) {
    std::vector<TopicPartitionOffset> all;
    for (const auto& p : partitions)
        all.push_back({.topic = p.topic, .partition = p.partition, .offset = offset_stored});
    return all;
}

} // namespace

// --- subscription

void ConsumerImpl::subscribe(std::vector<std::string> topics, RebalanceHandlers handlers) {
    check_group("subscribing is joining a group");
    if (topics.empty()) {
        unsubscribe();
        return;
    }
    for (const auto& topic : topics)
        refuse_unnamable(topic);
    core::group::TopicPatterns::of(topics).value(); // throws
    check_fatal();
    if (assigned_by_hand())
        assign({});
    std::lock_guard lock(use_);
    check_open();
    subscription_ = topics;
    subscribed_ = true;
    handlers_ = std::move(handlers);
    driver_->subscribe(std::move(topics), "the subscription has changed");
}

// And by no group, which takes back what it gave.
bool ConsumerImpl::assigned_by_hand() const {
    std::lock_guard lock(use_);
    return subscription_.empty() && by_hand_;
}

void ConsumerImpl::unsubscribe() {
    std::lock_guard lock(use_);
    check_open();
    subscription_.clear();
    driver_->subscribe({}, "the consumer has unsubscribed");
}

std::vector<std::string> ConsumerImpl::subscription() const {
    std::lock_guard lock(use_);
    check_open();
    return subscription_;
}

std::string ConsumerImpl::member_id() const { return driver_->committer().member; }

// --- parts of the assignment

void ConsumerImpl::incremental_assign(const std::vector<TopicPartitionOffset>& partitions) {
    std::lock_guard lock(use_);
    check_open();
    std::set<TopicPartition> once;
    for (const auto& p : partitions) {
        refuse_unassignable(p);
        if (assigned_.contains({p.topic, p.partition}) || !once.insert({p.topic, p.partition}).second)
            throw KafkaException(Error(Errc::_conflict, fmt::format("{}[{}] is assigned already", p.topic, p.partition)));
    }
    acted_ = true;
    by_hand_ = !in_step_ && subscription_.empty();
    std::vector<core::FetchStart> starts;
    for (const auto& p : partitions)
        begin_assigned(p, starts);
    post([driver = driver_, starts = std::move(starts)](TimePoint now) mutable {
        if (driver->running())
            for (auto& start : starts)
                driver->read(std::move(start), now);
    });
}

void ConsumerImpl::incremental_unassign(const std::vector<TopicPartition>& partitions) {
    std::lock_guard lock(use_);
    check_open();
    for (const auto& where : partitions)
        if (!assigned_.contains(where))
            throw KafkaException(Error(Errc::_invalid_arg, fmt::format("{}[{}] is not assigned", where.topic, where.partition)));
    acted_ = true;
    commit_uncommitted();
    for (const auto& where : partitions)
        end_assigned(where);
}

void ConsumerImpl::end_assigned(const TopicPartition& where) {
    const auto it = assigned_.find(where);
    if (it == assigned_.end())
        return; // named twice
    if (probe::planted("read_on_after_giving"))
        return;
    Assigned& assigned = *it->second;
    unlist(assigned);
    if (assigned.apart)
        assigned.apart->end();
    assigned.reader.end(context_);
    streams_.erase(assigned.stream);
    driver_->stored().end(where);
    post([driver = driver_, stream = assigned.stream](TimePoint) {
        if (driver->running())
            driver->remove(stream);
    });
    assigned_.erase(it);
}

// --- rebalances

void ConsumerImpl::serve_group() {
    driver_->come_back();
    while (driver_->group_calls()) {
        {
            std::lock_guard lock(use_);
            if (closed_ || closes_elsewhere())
                return;
        }
        const auto step = driver_->take_step();
        if (!step)
            return;
        struct Done {
            ConsumerDriver& driver;
            ~Done() { driver.step_done(); }
        } done{*driver_};
        run_step(*step);
    }
}

void ConsumerImpl::run_step(const Rebalance& step) {
    RebalanceHandlers handlers;
    {
        std::lock_guard lock(use_);
        handlers = handlers_;
        acted_ = false;
        in_step_ = true;
        stepping_ = std::this_thread::get_id();
        step_ = &step;
        losing_ = step.kind == Rebalance::Kind::lost;
    }
    struct Over {
        ConsumerImpl& consumer;
        ~Over() {
            std::lock_guard lock(consumer.use_);
            consumer.in_step_ = consumer.losing_ = false;
            consumer.stepping_ = {};
            consumer.step_ = nullptr;
        }
    } over{*this};
    const auto& handler = step.kind == Rebalance::Kind::assign ? handlers.on_assign
                          : step.kind == Rebalance::Kind::lost && handlers.on_lost ? handlers.on_lost
                                                                                   : handlers.on_revoke;
    try {
        if (handler)
            handler(step.partitions);
    } catch (...) {
        act_by_default(step);
        throw;
    }
    act_by_default(step);
}

// Unless the application has done it. It may have taken less than it was given, or have left the group for partitions of its
// own choice, which are not touched.
void ConsumerImpl::act_by_default(const Rebalance& step) {
    const bool gives = step.kind == Rebalance::Kind::assign;
    std::vector<TopicPartition> partitions; // of the step, with which there is something to do
    bool by_hand;
    {
        std::lock_guard lock(use_);
        if (acted_ || closed_)
            return;
        by_hand = by_hand_;
        for (const auto& where : step.partitions) {
            const auto it = assigned_.find(where);
            if (gives ? it == assigned_.end() : it != assigned_.end() && !it->second->by_hand)
                partitions.push_back(where);
        }
    }
    if (gives && by_hand)
        return;
    try {
        if (gives)
            step.incremental ? incremental_assign(from_stored(partitions)) : assign(from_stored(step.partitions));
        else if (step.incremental || by_hand)
            incremental_unassign(partitions);
        else
            assign({});
    } catch (const KafkaException&) {
        std::lock_guard lock(use_);
        if (!closed_) // meanwhile, by another thread
            throw;
    }
}

// Whoever closes in a handler is done with the step, and leaving the group waits for that.
void ConsumerImpl::end_step() {
    const Rebalance* step = nullptr;
    {
        std::lock_guard lock(use_);
        if (stepping_ == std::this_thread::get_id())
            step = std::exchange(step_, nullptr);
    }
    if (!step)
        return;
    act_by_default(*step);
    driver_->step_done();
}

bool ConsumerImpl::take_trouble(Message& out) {
    if (!driver_->group_calls())
        return false;
    auto error = driver_->take_trouble();
    if (!error)
        return false;
    out = Handout::trouble(std::move(*error));
    return true;
}

void ConsumerImpl::leave_group(TimePoint deadline) {
    {
        std::lock_guard lock(use_);
        if (!subscribed_)
            return;
        subscription_.clear();
    }
    if (engine::check_may_block(*driver_->loop()))
        return; // the driver does it
    end_step();
    const auto out = std::make_shared<std::atomic<bool>>(false);
    const bool posted = driver_->loop()->post([driver = driver_, out](TimePoint now) {
        driver->leave(
            [driver, out] {
                *out = true;
                driver->queue().interrupt();
            },
            now
        );
    });
    while (posted && !*out) {
        serve_group();
        {
            std::lock_guard lock(use_);
            sort_in(); // what has been fetched would end every wait
        }
        if (!*out && !driver_->queue().wait_until(deadline))
            return;
    }
}

} // namespace ottla::client
