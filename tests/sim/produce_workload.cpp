// Produce while everything breaks, heal, flush, read back: plain and idempotent, acks=all.
#include <memory>

#include "sim/producer_client.hpp"
#include "sim/scenery.hpp"
#include "sim/trouble.hpp"
#include "sim/workload.hpp"

namespace ottla::sim {
namespace {

/// How one seed's producer behaves, drawn before anything happens.
struct Plan {
    config::ClientConfig config;
    bool may_fail = false; ///< some messages may be reported as failed
    bool fatal_errors = false;
    bool errors_that_stay = false;
    bool purges = false;
    size_t max_message_bytes = 0; ///< of the topics, so that batches are split; 0: none
    Duration producing;
    int64_t messages;
};

Plan draw(World& world, bool idempotent) {
    Plan plan{.config = base_config(world)};
    auto& config = plan.config;
    config.enable_idempotence = idempotent;
    config.max_in_flight =
        idempotent ? static_cast<int32_t>(world.between(1, 5)) : (world.chance(60) ? 1 : 5);
    config.linger_ms = world.chance(50) ? 0 : static_cast<double>(world.between(1, 30));
    config.batch_num_messages = static_cast<int32_t>(world.between(1, world.chance(50) ? 3 : 40));
    config.batch_size = static_cast<int32_t>(world.chance(80) ? 100'000 : world.between(200, 5000));
    config.message_max_bytes = 1'000'000;
    config.request_timeout = 1s;
    config.sticky_linger = world.ms_between(0, 20);
    if (world.chance(15))
        config.compression = static_cast<Compression>(world.between(1, 4));
    config.message_timeout = world.chance(40) ? 0s : world.ms_between(300, 4000);
    config.adaptive_partitioning = world.chance(30);
    config.partition_availability = world.chance(30) ? world.ms_between(1, 200) : 0ms;
    if (world.chance(20))
        config.retries = static_cast<int32_t>(world.between(0, 3));
    plan.purges = world.chance(5);
    plan.errors_that_stay = world.chance(30);
    if (world.chance(20))
        plan.max_message_bytes = static_cast<size_t>(world.between(150, 1500));
    plan.fatal_errors = world.chance(8);
    plan.may_fail = config.message_timeout != 0s || config.retries < 1000 || plan.purges ||
                    plan.errors_that_stay || plan.fatal_errors || plan.max_message_bytes;
    plan.producing = world.ms_between(5, world.chance(50) ? 400 : 8000);
    plan.messages = world.between(1, world.chance(30) ? 250 : 80);
    return plan;
}

/// Hands in `left` messages in bursts until `end`.
void keep_producing(World& world, ProducerClient& producer, int64_t left, TimePoint end) {
    if (left <= 0)
        return;
    const auto& topics = world.cluster.topics();
    for (int64_t burst = std::min(left, world.between(1, world.chance(30) ? 40 : 6)); burst > 0;
         --burst, --left) {
        auto topic = topics.begin();
        std::advance(topic, static_cast<std::ptrdiff_t>(world.rng.below(topics.size())));
        const bool keyless = world.chance(15);
        const auto partition =
            keyless ? partition_any : static_cast<int32_t>(world.rng.below(topic->second.partitions.size()));
        const auto padding =
            static_cast<size_t>(world.chance(3) ? world.between(3000, 20'000) : world.between(0, 60));
        producer.produce(topic->first, partition, padding);
    }
    const Duration rest = std::max<Duration>(end - world.now(), 0ns);
    const Duration pause = std::min(rest, world.within(rest * 2 / std::max<int64_t>(1, left / 4 + 1)));
    world.queue.after(pause, [&world, &producer, left, end] { keep_producing(world, producer, left, end); });
}

void judge_failures(World& world, const Ledger& ledger, const Plan& plan, const std::set<Errc>& injected) {
    for (size_t id = 0; id < ledger.messages().size(); ++id) {
        const Message& message = ledger.messages()[id];
        if (message.reports == 0 || message.acknowledged())
            continue;
        if (!plan.may_fail) {
            world.violate(
                "message {} failed with {}, though it had all the time", id, error_name(message.outcome)
            );
            return;
        }
        const bool own =
            message.outcome == Errc::_msg_timed_out ? plan.config.message_timeout != 0s
            : message.outcome == Errc::_purge_queue || message.outcome == Errc::_purge_inflight ? plan.purges
            : message.outcome == Errc::_transport || message.outcome == Errc::_timed_out
                ? plan.config.retries < 1000 || plan.config.message_timeout != 0s || plan.purges ||
                      plan.errors_that_stay || plan.max_message_bytes
            : message.outcome == Errc::msg_size_too_large && plan.max_message_bytes ? true
                : injected.contains(message.outcome) || message.outcome == Errc::not_leader_for_partition;
        if (!own)
            world.violate(
                "message {} failed with {}, which nothing explains", id, error_name(message.outcome)
            );
    }
}

/// Produces amid trouble, heals, flushes; afterwards every outcome is settled and the producer closed.
void produce_and_settle(
    World& world,
    const Plan& plan,
    const Ledger& ledger,
    ProducerClient& producer,
    Trouble& trouble,
    bool wanted
) {
    const TimePoint end = world.now() + plan.producing;
    if (wanted)
        trouble.begin(
            {.until = end,
             .lose_tails = world.cluster.brokers().size() > 1,
             .errors_that_stay = plan.errors_that_stay,
             .fatal_errors = plan.fatal_errors}
        );
    keep_producing(world, producer, plan.messages, end);
    if (plan.purges && wanted)
        world.queue.after(world.within(plan.producing), [&producer] { producer.purge(); });
    world.run_to(end + 1ns);
    trouble.heal();
    producer.begin_flush();
    if (!world.run_until(world.now() + patience, [&] {
            return ledger.unreported() == 0 && producer.flushed();
        }))
        world.violate(
            "{} of {} messages are not reported {} s after healing{}",
            ledger.unreported(),
            ledger.messages().size(),
            patience / 1s,
            producer.flushed() ? "" : ", and flush has not ended"
        );
    if (producer.fatal() && !plan.fatal_errors)
        world.violate("fatal: {}, which nothing explains", producer.fatal()->message());
    if (!producer.fatal())
        judge_failures(world, ledger, plan, trouble.injected());
    producer.close();
    if (world.violation.empty() && producer.outstanding() != 0)
        world.violate("{} messages keep their credit although all are reported", producer.outstanding());
}

RunResult run(const RunOptions& options, bool idempotent) {
    World world({.seed = options.seed, .transcript_lines = options.transcript_lines});
    const auto brokers = static_cast<int>(world.between(1, 4));
    world.add_brokers(brokers);
    Plan plan = draw(world, idempotent);
    if (!options.trouble)
        plan.max_message_bytes = 0;
    world.note(
        "{} producer, {} brokers, in flight {}, linger {} ms, message.timeout.ms {}, socket.timeout.ms {}",
        idempotent ? "idempotent" : "plain",
        brokers,
        plan.config.max_in_flight,
        plan.config.linger_ms,
        plan.config.message_timeout.count(),
        plan.config.socket_timeout.count()
    );
    world.tap.set_limit(static_cast<size_t>(std::min(5, plan.config.max_in_flight)));
    create_topics(world, plan.max_message_bytes);
    Ledger ledger(
        world, {.idempotent = idempotent, .in_order = idempotent || plan.config.max_in_flight == 1}
    );
    // They live as long as the world: events may come that were meant for them.
    ProducerClient producer(world, ledger, plan.config, world.rng.next());
    Trouble trouble(world, {&producer.loop()});
    produce_and_settle(world, plan, ledger, producer, trouble, options.trouble);
    // Late copies that were on their way when connections ended arrive now, if ever.
    world.run_to(world.now() + 15s);
    if (world.violation.empty())
        ledger.check_logs();
    if (world.violation.empty())
        read_back(world, ledger.logs(), options.trouble);

    return result_of(world, ledger);
}

} // namespace

RunResult run_idempotent(const RunOptions& options) { return run(options, true); }
RunResult run_plain(const RunOptions& options) { return run(options, false); }

} // namespace ottla::sim
