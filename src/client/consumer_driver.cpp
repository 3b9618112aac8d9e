#include "client/consumer_driver.hpp"
#include "client/link_options.hpp"

#include <random>

namespace ottla::client {
namespace {

constexpr uint32_t lane_owner = 1; // the cluster is private to this consumer, so any number does

uint64_t random_seed() {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32) | device();
}

} // namespace

ConsumerDriver::ConsumerDriver(
    std::shared_ptr<engine::Loop> loop, config::ClientConfig config, LogSink log, ErrorHandler on_error, Observers observers
)
    : loop_(std::move(loop))
    , config_(std::move(config))
    , events_(config_, ClientKind::consumer, std::move(log), std::move(on_error), std::move(observers))
    , queue_([this] {
        rung_.store(true, std::memory_order_release);
        loop_->notify();
    })
    , statistics_(config_.statistics_interval, [this](TimePoint now) { emit_statistics(now); }) {
    events_.set_waker([this] {
        callbacks_.store(true, std::memory_order_release);
        queue_.interrupt();
    });
}

void ConsumerDriver::start() {
    cluster_.emplace(
        loop_->scheduler(), loop_->make_links(link_options(config_)), config_, events_, random_seed()
    );
    fetcher_.emplace(
        cluster_->caller(), cluster_->metadata(), queue_, config_, lane_owner, random_seed(), events_.log()
    );
    loop_->scheduler().add(*fetcher_);
    loop_->scheduler().add(statistics_);
    loop_->add_source(*this);
}

void ConsumerDriver::stop(TimePoint now) {
    if (!fetcher_)
        return;
    loop_->remove_source(*this);
    loop_->scheduler().remove(statistics_);
    loop_->scheduler().remove(*fetcher_);
    fetcher_.reset();
    cluster_->close(now);
    cluster_.reset();
}

void ConsumerDriver::remove(core::StreamId stream) {
    fetcher_->remove(stream);
    queue_.forget(stream);
}

void ConsumerDriver::serve_callbacks() {
    if (callbacks_.load(std::memory_order_relaxed) && callbacks_.exchange(false, std::memory_order_acquire))
        events_.serve();
}

Metrics ConsumerDriver::metrics() const {
    const auto alone = loop_->hold_turns();
    return gather(engine::Loop::now());
}

// On the loop, or while it is held.
Metrics ConsumerDriver::gather(TimePoint now) const {
    Metrics all = events_.begin_metrics(now);
    if (cluster_)
        cluster_->gather(all, now);
    if (fetcher_)
        fetcher_->gather(all, now);
    return all;
}

void ConsumerDriver::emit_statistics(TimePoint now) {
    cluster_->roll_statistics();
    events_.on_metrics(gather(now));
}

void ConsumerDriver::drain(TimePoint) {
    if (fetcher_ && rung_.exchange(false, std::memory_order_acquire))
        fetcher_->wake();
}

void ConsumerDriver::on_context_gone() noexcept {
    queue_.take_waiter(); // and with it the handler, while its executor still exists
    queue_.interrupt();
}

} // namespace ottla::client
