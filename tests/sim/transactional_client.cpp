#include "sim/transactional_client.hpp"

#include <algorithm>

#include "accumulator/limits_of.hpp"

namespace ottla::sim {
namespace {

constexpr uint32_t own_lane = 1;

} // namespace

TransactionalClient::TransactionalClient(World& world, Ledger& ledger, TransactionBook& book, Plan plan, uint64_t seed)
    : world_(world)
    , ledger_(ledger)
    , book_(book)
    , plan_(std::move(plan))
    , config_(plan_.config)
    , loop_(world.queue)
    , accumulator_(
          accumulator::limits_of(config_),
          [this] {
              rung_ = true;
              loop_.notify();
          })
    , cluster_(loop_.scheduler(), world.network.links_of(loop_), config_, *this, seed)
    , core_(
          accumulator_,
          core::produce::ClusterPorts{
              .caller = cluster_.caller(),
              .metadata = cluster_.metadata(),
              .produce_version = [this](int32_t node) { return cluster_.usable_version(node, msg::ApiKey::produce); },
              .unsent = [this](int32_t node) { return cluster_.unsent(node, core::Lane::produce, own_lane); },
              .prepare = [this](int32_t node) { cluster_.prepare(node, core::Lane::produce, own_lane); }},
          config_, *this, *this, own_lane, seed + 2)
    , transaction_(
          {.caller = cluster_.caller(), .transaction_version = [this] { return cluster_.transaction_version(); }},
          config_, accumulator_, core_, *this, seed + 3) {
    loop_.scheduler().add(core_);
    loop_.scheduler().add(transaction_);
    loop_.on_drain([this] { drain(); });
    loop_.notify();
}

void TransactionalClient::drain() {
    for (accumulator::Batch* batch : std::exchange(delivered_, {}))
        accumulator_.finish(batch);
    if (std::exchange(rung_, false))
        core_.wake();
}

// ---- the application

void TransactionalClient::later(void (TransactionalClient::*step)()) {
    world_.queue.after(world_.within(plan_.pause), [this, step] {
        if (closed_ || done_)
            return;
        if (fatal_) {
            finish();
            return;
        }
        (this->*step)();
        loop_.notify();
    });
}

void TransactionalClient::finish() { done_ = true; }

void TransactionalClient::call(
    core::txn::Transaction::Done done, void (core::txn::Transaction::*method)(core::txn::Transaction::Done)) {
    (transaction_.*method)(std::move(done));
    loop_.notify();
    if (!world_.chance(20))
        return;
    // An application that waits for so long only; then it makes the same call again.
    world_.queue.after(world_.ms_between(1, 2000), [this, number = calls_, method] {
        if (closed_ || number != calls_ || !transaction_.detach())
            return;
        world_.note("the call is given up, and made again");
        world_.queue.after(world_.ms_between(0, 300), [this, number, method] {
            if (closed_ || number != calls_)
                return;
            if (method == &core::txn::Transaction::commit)
                commit();
            else if (method == &core::txn::Transaction::abort)
                abort();
            else
                TransactionalClient::start();
        });
    });
}

void TransactionalClient::start() {
    const uint64_t number = ++calls_;
    call(
        [this, number](Error error) {
            if (number != calls_)
                return;
            ++calls_;
            if (!error)
                later(&TransactionalClient::begin);
            else if (flag_of(error.code) != ErrorFlag::fatal)
                world_.violate("init: {}", error.message());
            else
                finish();
        },
        &core::txn::Transaction::init);
}

void TransactionalClient::begin() {
    if (stopping_) {
        finish();
        return;
    }
    if (const Error error = transaction_.begin()) {
        if (flag_of(error.code) != ErrorFlag::fatal)
            world_.violate("begin: {}", error.message());
        finish();
        return;
    }
    current_ = book_.transactions.size();
    book_.transactions.emplace_back();
    left_ = world_.between(0, world_.chance(20) ? 30 : 6);
    world_.note("transaction {} begins", current_);
    later(&TransactionalClient::produce);
}

void TransactionalClient::produce() {
    const auto& topics = world_.cluster.topics();
    for (int64_t burst = std::min(left_, world_.between(1, 6)); burst > 0; --burst, --left_) {
        auto topic = topics.begin();
        std::advance(topic, static_cast<std::ptrdiff_t>(world_.rng.below(topics.size())));
        const auto partition = static_cast<int32_t>(world_.rng.below(topic->second.partitions.size()));
        const auto padding = static_cast<size_t>(world_.between(0, 60));
        const size_t id = ledger_.accept(topic->first, partition, padding);
        const std::string value = Ledger::value_of(id, padding);
        const Errc code = accumulator_.append(
            {.topic = topic->first, .key = {}, .value = value, .headers = {}, .timestamp_ms = 0, .partition = partition,
             .token = {.value = id + 1, .kind = accumulator::TokenKind::opaque}});
        if (code != Errc::no_error) {
            ledger_.withdraw();
            if (code != Errc::_state && code != Errc::_fatal) // it has failed meanwhile
                world_.violate("a message was refused: {}", error_name(code));
            left_ = 0;
            break;
        }
        book_.transactions[current_].messages.push_back(id);
        world_.note("produce {}[{}]: message {} of transaction {}", topic->first, partition, id, current_);
    }
    if (left_ > 0)
        later(&TransactionalClient::produce);
    else
        later(world_.chance(40) ? &TransactionalClient::send_offset : &TransactionalClient::end);
}

void TransactionalClient::send_offset() {
    const auto offset = static_cast<int64_t>(current_);
    book_.transactions[current_].offset = offset;
    const uint64_t number = ++calls_;
    core::txn::GroupOffsets offsets{
        .rows = {{.topic = TransactionBook::input.topic, .partition = TransactionBook::input.partition, .offset = offset}},
        .group_id = TransactionBook::group};
    transaction_.send_offsets(std::move(offsets), [this, number](Error error) {
        if (number != calls_)
            return;
        ++calls_;
        world_.note("offset of transaction {}: {}", current_, error ? error.message() : "done");
        if (flag_of(error.code) == ErrorFlag::fatal) {
            finish();
        } else if (error) {
            if (flag_of(error.code) != ErrorFlag::txn_requires_abort)
                world_.violate("send_offsets: {}", error.message());
            later(&TransactionalClient::abort);
        } else {
            later(&TransactionalClient::end);
        }
    });
    loop_.notify();
}

void TransactionalClient::end() {
    if (world_.chance(plan_.abort_percent))
        abort();
    else
        commit();
}

void TransactionalClient::commit() {
    book_.transactions[current_].end = TransactionBook::End::unknown;
    const uint64_t number = ++calls_;
    call(
        [this, number](Error error) {
            if (number == calls_)
                on_committed(error);
        },
        &core::txn::Transaction::commit);
}

void TransactionalClient::on_committed(const Error& error) {
    ++calls_;
    auto& entry = book_.transactions[current_];
    world_.note("commit of transaction {}: {}", current_, error ? error.message() : "done");
    switch (flag_of(error.code)) {
    case ErrorFlag::fatal:
        finish();
        return;
    case ErrorFlag::txn_requires_abort:
        entry.end = TransactionBook::End::open;
        later(&TransactionalClient::abort);
        return;
    default:
        if (error)
            world_.violate("commit: {}", error.message());
        entry.end = TransactionBook::End::committed;
        later(&TransactionalClient::begin);
    }
}

void TransactionalClient::abort() {
    const uint64_t number = ++calls_;
    call(
        [this, number](Error error) {
            if (number == calls_)
                on_aborted(error);
        },
        &core::txn::Transaction::abort);
}

void TransactionalClient::on_aborted(const Error& error) {
    ++calls_;
    world_.note("abort of transaction {}: {}", current_, error ? error.message() : "done");
    if (flag_of(error.code) == ErrorFlag::fatal) {
        finish();
        return;
    }
    if (error)
        world_.violate("abort: {}", error.message());
    book_.transactions[current_].end = TransactionBook::End::aborted;
    later(&TransactionalClient::begin);
}

void TransactionalClient::close() {
    if (std::exchange(closed_, true))
        return;
    const Error error(Errc::_destroy, "closed");
    transaction_.close(error);
    core_.close(error, world_.now());
    drain();
    loop_.scheduler().remove(transaction_);
    loop_.scheduler().remove(core_);
    cluster_.close(world_.now());
    loop_.stop();
}

// ---- what the cores tell

void TransactionalClient::deliver(accumulator::Batch* batch) {
    ledger_.on_delivered(*batch);
    delivered_.push_back(batch);
    loop_.notify();
}

void TransactionalClient::on_fatal(const Error& error) {
    world_.note("fatal: {}", error.message());
    if (fatal_)
        world_.violate("a second fatal error: {}", error.message());
    fatal_ = error;
}

void TransactionalClient::on_error(const Error& error) { world_.note("producer: {} {}", error_name(error.errc()), error.message()); }

void TransactionalClient::on_log(int level, std::string_view facility, std::string_view text) {
    world_.note("producer: {} {}: {}", level, facility, text);
}

void TransactionalClient::on_throttle(std::string_view, int32_t node, std::chrono::milliseconds time) {
    world_.note("producer: throttled by broker {}: {} ms", node, time.count());
}

} // namespace ottla::sim
