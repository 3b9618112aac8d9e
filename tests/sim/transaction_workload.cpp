// Transactions while everything breaks: producers of one transactional id, one after the other and against each other. What
// is committed is there as a whole and once, of what is not nothing is shown.
#include <memory>

#include "record/record_set.hpp"
#include "sim/scenery.hpp"
#include "sim/transactional_client.hpp"
#include "sim/trouble.hpp"
#include "sim/workload.hpp"

namespace ottla::sim {
namespace {

using End = TransactionBook::End;

constexpr std::string_view transactional_id = "letters";

struct Plan {
    TransactionalClient::Plan client;
    bool zombies = false;        ///< a second producer of the id starts while the first is at work
    bool short_timeout = false;  ///< the coordinator may end a transaction before its producer does
    bool errors_that_stay = false;
    bool fatal_errors = false;
    int16_t version = 1; ///< of transactions, at first
    bool trouble = false;
    Duration running;

    bool explains(const Error& fatal) const {
        // Version 1 of the protocol has a hole: a stray AddPartitionsToTxn that arrives after the end begins a transaction which
        // nobody knows of, and the InitProducerId that was to shut strays out ends that by fencing its own producer.
        const bool stray = version == 1 && trouble && fatal.errc() == Errc::_fenced && fatal.detail.starts_with("InitProducerId:");
        return zombies || short_timeout || fatal_errors || stray;
    }
};

Plan draw(World& world, bool trouble) {
    Plan plan{.client = {.config = base_config(world)}};
    auto& config = plan.client.config;
    config.enable_idempotence = true;
    config.transactional_id = transactional_id;
    config.max_in_flight = static_cast<int32_t>(world.between(1, 5));
    config.linger_ms = world.chance(50) ? 0 : static_cast<double>(world.between(1, 30));
    config.batch_num_messages = static_cast<int32_t>(world.between(1, 10));
    config.request_timeout = 1s;
    plan.short_timeout = trouble && world.chance(15);
    config.transaction_timeout = plan.short_timeout ? world.ms_between(1000, 5000) : 600s;
    config.message_timeout = trouble && world.chance(30) ? world.ms_between(1000, 5000) : config.transaction_timeout;
    config.socket_timeout = std::min(config.socket_timeout, config.transaction_timeout);
    plan.client.abort_percent = static_cast<int>(world.between(0, 50));
    plan.client.pause = world.ms_between(0, world.chance(50) ? 20 : 300);
    plan.zombies = trouble && world.chance(30);
    plan.errors_that_stay = trouble && world.chance(20);
    plan.fatal_errors = trouble && world.chance(10);
    plan.running = world.ms_between(50, world.chance(50) ? 800 : 8000);
    return plan;
}

/// The producers of the id, in the order in which they were started.
class Producers {
public:
    Producers(World& world, Ledger& ledger, TransactionBook& book, const Plan& plan)
        : world_(world), ledger_(ledger), book_(book), plan_(plan) {}

    TransactionalClient& start() {
        world_.note("producer {} starts", all_.size());
        all_.push_back(std::make_unique<TransactionalClient>(world_, ledger_, book_, plan_.client, world_.rng.next()));
        all_.back()->start();
        return *all_.back();
    }
    /// Looks after them until `stop`: one that has ended is followed by another.
    void watch() {
        world_.queue.after(world_.ms_between(10, 500), [this] {
            if (stopping_)
                return;
            if (all_.back()->done() || (plan_.zombies && world_.chance(10)))
                start();
            watch();
        });
    }
    void stop() {
        stopping_ = true;
        for (const auto& producer : all_)
            producer->stop();
    }
    bool done() const {
        return std::all_of(all_.begin(), all_.end(), [](const auto& producer) { return producer->done(); });
    }
    void close() {
        for (const auto& producer : all_) {
            if (producer->fatal() && !plan_.explains(*producer->fatal()))
                world_.violate("fatal: {}, which nothing explains", producer->fatal()->message());
            producer->close();
            if (world_.violation.empty() && producer->outstanding() != 0)
                world_.violate("{} messages keep their credit", producer->outstanding());
        }
    }

private:
    World& world_;
    Ledger& ledger_;
    TransactionBook& book_;
    const Plan& plan_;
    std::vector<std::unique_ptr<TransactionalClient>> all_; // they live as long as the world
    bool stopping_ = false;
};

using Logs = std::map<std::pair<std::string, int32_t>, Ledger::Log>;

/// The logs without what readers of committed messages must not see, found by the markers alone.
Logs committed_part(World& world, const Logs& logs) {
    Logs visible = logs;
    for (auto& [where, log] : visible) {
        std::map<int64_t, std::vector<size_t>> open; // by producer id, offsets
        const auto& partition = world.cluster.topics().at(where.first).partitions.at(static_cast<size_t>(where.second));
        for (const auto& batch : partition.log.batches()) {
            const auto first = static_cast<size_t>(batch.base_offset);
            const auto last = static_cast<size_t>(batch.last_offset);
            switch (batch.role) {
            case mock::BatchRole::transactional:
                for (size_t offset = first; offset <= last; ++offset)
                    open[batch.producer_id].push_back(offset);
                break;
            case mock::BatchRole::commit_marker:
                open.erase(batch.producer_id);
                break;
            case mock::BatchRole::abort_marker:
                for (const size_t offset : open[batch.producer_id])
                    log[offset].clear();
                open.erase(batch.producer_id);
                break;
            case mock::BatchRole::plain:
                world.violate("{}[{}]: a batch outside a transaction at offset {}", where.first, where.second, batch.base_offset);
                break;
            }
        }
        for (const auto& [id, offsets] : open)
            world.violate("{}[{}]: a transaction of producer {} is open for ever", where.first, where.second, id);
    }
    return visible;
}

// The group's offset is that of the last transaction which was committed with one.
void judge_offset(World& world, const TransactionBook& book, const std::vector<bool>& shown, bool in_order) {
    const auto* found = world.cluster.offsets().find(TransactionBook::group, TransactionBook::input);
    const int64_t offset = found ? found->offset : -1;
    if (world.cluster.offsets().is_pending(TransactionBook::group, TransactionBook::input))
        world.violate("the group's offset waits for a transaction that has ended");
    if (offset >= 0) {
        const auto& entry = book.transactions.at(static_cast<size_t>(offset));
        if (entry.offset != offset || entry.end == End::aborted || entry.end == End::open)
            world.violate("the group has committed {}, of a transaction that was not", offset);
    }
    if (!in_order)
        return;
    for (size_t i = book.transactions.size(); i-- > 0;) {
        const auto& entry = book.transactions[i];
        if (entry.offset < 0 || entry.end == End::aborted || entry.end == End::open)
            continue;
        if (entry.offset == offset)
            return;
        if (entry.end == End::committed || shown[i])
            world.violate("the group has committed {}, though transaction {} was committed later", offset, i);
    }
}

void judge(World& world, const Ledger& ledger, const TransactionBook& book, const Logs& visible, bool in_order) {
    std::map<std::string, int> seen;
    std::vector<bool> whole(book.transactions.size());
    for (const auto& [where, log] : visible)
        for (const auto& value : log)
            if (!value.empty())
                ++seen[value];
    for (size_t number = 0; number < book.transactions.size(); ++number) {
        const auto& entry = book.transactions[number];
        size_t shown = 0;
        for (const size_t id : entry.messages) {
            const auto found = seen.find(Ledger::value_of(id, ledger.messages()[id].padding));
            shown += found != seen.end();
            if (found != seen.end() && found->second > 1)
                world.violate("message {} of transaction {} is shown {} times", id, number, found->second);
            if (entry.end == End::committed && !ledger.messages()[id].acknowledged())
                world.violate("transaction {} is committed, but its message {} was not acknowledged", number, id);
        }
        const size_t all = entry.messages.size();
        whole[number] = all > 0 && shown == all;
        if (entry.end == End::committed && shown != all)
            world.violate("transaction {} is committed, and {} of its {} messages are shown", number, shown, all);
        if ((entry.end == End::aborted || entry.end == End::open) && shown != 0)
            world.violate("transaction {} was {}, and {} of its messages are shown", number, entry.end == End::open ? "never committed" : "aborted", shown);
        if (entry.end == End::unknown && shown != 0 && shown != all)
            world.violate("transaction {} is shown in part: {} of {} messages", number, shown, all);
    }
    judge_offset(world, book, whole, in_order);
}

} // namespace

RunResult run_transactional(const RunOptions& options) {
    World world({.seed = options.seed, .transcript_lines = options.transcript_lines});
    const auto brokers = static_cast<int>(world.between(1, 4));
    world.add_brokers(brokers);
    const int16_t version = world.chance(50) ? int16_t{1} : int16_t{2};
    world.cluster.set_transaction_version(version);
    if (world.chance(40))
        world.cluster.set_failover({.election = world.ms_between(0, 300), .load = world.ms_between(0, 300)});
    if (world.chance(40))
        world.cluster.faults().set_delay(27, mock::every_broker, world.ms_between(1, 50)); // WriteTxnMarkers
    Plan plan = draw(world, options.trouble);
    plan.version = version;
    plan.trouble = options.trouble;
    world.note("transactions of version {}, {} brokers", version, brokers);
    world.tap.stop_checking(); // aborts purge
    create_topics(world);
    Ledger ledger(world, {.idempotent = true, .in_order = !plan.zombies});
    TransactionBook book;
    Producers producers(world, ledger, book, plan);
    auto& first = producers.start();
    producers.watch();
    Trouble trouble(world, {&first.loop()});
    const TimePoint end = world.now() + plan.running;
    if (options.trouble)
        trouble.begin(
            {.until = end,
             .lose_tails = brokers > 1,
             .errors_that_stay = plan.errors_that_stay,
             .fatal_errors = plan.fatal_errors,
             .transactional_id = std::string(transactional_id)});
    if (version == 1 && world.chance(20))
        world.queue.after(world.within(plan.running), [&world] {
            world.note("transaction.version 2 is finalised");
            world.cluster.set_transaction_version(2);
        });
    world.run_to(end + 1ns);
    trouble.heal();
    producers.stop();
    if (!world.run_until(world.now() + patience, [&] { return producers.done(); }))
        world.violate("the producers have not ended {} s after healing", patience / 1s);
    // The last one ends what the others left open.
    auto& last = producers.start();
    last.stop();
    if (!world.run_until(world.now() + patience, [&] { return last.done(); }))
        world.violate("init has not ended {} s after healing", patience / 1s);
    producers.close();
    if (world.violation.empty() && ledger.unreported() != 0)
        world.violate("{} messages are not reported", ledger.unreported());
    world.run_to(world.now() + 15s);
    if (world.violation.empty())
        ledger.check_logs();
    if (world.violation.empty()) {
        const Logs visible = committed_part(world, ledger.logs());
        judge(world, ledger, book, visible, !plan.zombies);
        if (world.violation.empty()) {
            const bool committed = world.chance(80);
            read_back(
                world, committed ? visible : ledger.logs(), options.trouble,
                committed ? config::Isolation::read_committed : config::Isolation::read_uncommitted);
        }
    }
    return result_of(world, ledger);
}

} // namespace ottla::sim
