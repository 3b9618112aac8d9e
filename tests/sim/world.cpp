#include "sim/world.hpp"

#include "accumulator/accumulator.hpp"

namespace ottla::sim {
namespace {

constexpr int64_t start_ms = 1'700'000'000'000; // what the realtime clock says when a world begins

mock::CoreOptions cluster_options(Rng& rng, const WorldOptions& options) {
    return {
        .auto_create_topics = true,
        .default_partitions = 3,
        .default_replication_factor = 1,
        .first_sequence =
            rng.below(2) ? mock::ProducerTable::FirstSequence::any : mock::ProducerTable::FirstSequence::zero,
        .groups = options.groups,
        .consumer_groups = options.consumer_groups,
        .seed = rng.next(),
        .start_timestamp_ms = start_ms,
        .start = EventQueue::start,
    };
}

Network::Style style(Rng& rng) {
    using std::chrono::microseconds;
    Network::Style style;
    style.latency_low = microseconds(20 + rng.below(500));
    style.latency_high = style.latency_low + microseconds(rng.below(4) ? rng.below(1000) : rng.below(30'000));
    style.window = size_t{1} << (10 + rng.below(8));
    return style;
}

} // namespace

World* World::current_ = nullptr;

World::World(WorldOptions options)
    : rng(options.seed)
    , transcript(options.transcript_lines)
    , tap([this](const std::string& what) { violate("{}", what); })
    , network(queue, rng, transcript, faults, tap, style(rng))
    , cluster(cluster_options(rng, options), network)
    , precise_before_(accumulator::PartitionBuffer::precise_now)
    , coarse_before_(accumulator::Accumulator::coarse_now_ms) {
    current_ = this;
    accumulator::PartitionBuffer::precise_now = [] { return current_->now(); };
    accumulator::Accumulator::coarse_now_ms = [] { return current_->cluster.timestamp_ms(current_->now()) + current_->wall_clock_off_ms; };
    accumulator::Accumulator::seed_thread(options.seed);
    network.set_cluster(cluster);
    tap.set_cluster(cluster);
}

void World::add_brokers(int count) {
    for (int32_t id = 1; id <= count; ++id)
        cluster.add_broker(id, fmt::format("b{}", id), 9092);
}

World::~World() {
    queue.clear();
    accumulator::PartitionBuffer::precise_now = precise_before_;
    accumulator::Accumulator::coarse_now_ms = coarse_before_;
    current_ = nullptr;
}

} // namespace ottla::sim
