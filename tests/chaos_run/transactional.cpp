// Transactions of random size over all partitions. Most are committed, some aborted; some producers are dropped in the middle, or
// while they commit. What the client knows of each outcome goes to the ledger.
#include <chrono>
#include <exception>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include <ottla/producer.hpp>

#include "client.hpp"

namespace chaos {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto call_limit = 5s;
/// A call that may be made again is, for so long; then the producer is replaced.
constexpr auto patience = 120s;

enum class Plan { commit, abort, drop_open, drop_committing };
enum class Outcome : char { committed = 'c', aborted = 'a', unknown = 'u' };
enum class Called { ok, wants_abort, give_up };

class TransactionLane {
public:
    TransactionLane(World& world, int number)
        : world_(world), id_(world.settings.topic + "-" + std::to_string(number)), name_("t" + std::to_string(number)),
          rate_(world.settings.rate / 2), random_(world.settings.seed * 16 + static_cast<uint64_t>(number)) {}

    void run() {
        const auto start = Clock::now();
        while (!world_.stop || !producer_) {
            if (!producer_ && !renew())
                return;
            if (!world_.stop)
                transact();
            const auto due = start + std::chrono::milliseconds(1000 * messages_ / static_cast<uint64_t>(rate_));
            std::this_thread::sleep_until(std::min<Clock::time_point>(Clock::now() + 1s, due));
        }
        producer_->close(10s);
    }

private:
    /// A new producer of the same transactional.id: ends what its predecessor has left open.
    bool renew() {
        auto config = common_config(world_.settings);
        config.set("request.timeout.ms", 5000).set("transactional.id", id_).set("transaction.timeout.ms", 60000);
        producer_.emplace(config, ottla::ProducerOptions{.on_delivery = [this](const ottla::Delivery& d) { record(d); }});
        if (call("init_transactions", [&] { producer_->init_transactions(call_limit); }) == Called::ok)
            return true;
        world_.ledger.trouble(name_ + ": a new producer did not come up");
        producer_.reset();
        return false;
    }

    void record(const ottla::Delivery& delivery) {
        --world_.counters.in_flight;
        if (delivery.error()) {
            ++world_.counters.failed;
            return;
        }
        ++world_.counters.acked;
        const std::string_view value = delivery.value().text();
        size_t end = 0;
        for (int space = 0; space < 4; ++space)
            end = value.find(' ', end) + 1;
        world_.ledger.line("+ " + std::string(value.substr(0, end)) + std::to_string(delivery.offset()));
    }

    void transact() {
        const Plan plan = draw_plan();
        const auto size = std::uniform_int_distribution<uint64_t>(1, 40)(random_);
        if (call("begin_transaction", [&] { producer_->begin_transaction(); }) != Called::ok)
            return drop("begin_transaction");
        uint64_t accepted = 0;
        while (accepted < size && produce(accepted))
            ++accepted;
        messages_ += accepted;
        const auto outcome = finish(plan, accepted == size);
        ++(outcome == Outcome::committed ? world_.counters.committed
           : outcome == Outcome::aborted ? world_.counters.aborted
                                         : world_.counters.unknown);
        world_.ledger.line(
            "T " + name_ + " " + std::to_string(transaction_++) + " " + std::to_string(accepted) + " " + static_cast<char>(outcome));
    }

    Plan draw_plan() {
        const int percent = std::uniform_int_distribution<int>(0, 99)(random_);
        return percent < 15 ? Plan::abort : percent < 16 ? Plan::drop_open : percent < 18 ? Plan::drop_committing : Plan::commit;
    }

    bool produce(uint64_t number) {
        const auto partition = std::uniform_int_distribution<int>(0, world_.settings.partitions - 1)(random_);
        const std::string value = name_ + " " + std::to_string(partition) + " " + std::to_string(transaction_) + " " +
                                  std::to_string(number) + " " + padding(messages_ + number);
        for (;;) {
            ottla::error_code error;
            producer_->produce({.topic = world_.settings.topic, .value = value, .partition = partition}, nullptr, error);
            if (!error) {
                ++world_.counters.in_flight;
                return true;
            }
            if (error != ottla::Errc::_queue_full)
                return false; // a message before it has spoilt the transaction
            producer_->poll(10ms);
        }
    }

    Outcome finish(Plan plan, bool whole) {
        if (plan == Plan::drop_open) {
            drop("on purpose, transaction open");
            return Outcome::aborted; // was never told to commit
        }
        if (plan == Plan::drop_committing && whole) {
            try {
                producer_->commit_transaction(std::chrono::milliseconds(std::uniform_int_distribution<int>(1, 60)(random_)));
                return Outcome::committed;
            } catch (const ottla::KafkaException& e) {
                drop("on purpose, committing");
                return e.error().txn_requires_abort() ? Outcome::aborted : Outcome::unknown;
            }
        }
        if (plan != Plan::abort && whole)
            switch (call("commit_transaction", [&] { producer_->commit_transaction(call_limit); })) {
            case Called::ok: return Outcome::committed;
            case Called::give_up: drop("commit_transaction"); return Outcome::unknown;
            case Called::wants_abort: break; // and so was not committed
            }
        if (call("abort_transaction", [&] { producer_->abort_transaction(call_limit); }) != Called::ok)
            drop("abort_transaction");
        return Outcome::aborted;
    }

    template <class Function>
    Called call(const char* what, Function function) {
        const auto limit = Clock::now() + patience;
        for (;;) {
            try {
                function();
                return Called::ok;
            } catch (const ottla::KafkaException& e) {
                const auto& error = e.error();
                if (error.retriable() && Clock::now() < limit)
                    continue;
                world_.ledger.note(
                    std::string(error.txn_requires_abort() ? "abortable " : error.fatal() ? "fatal "
                                                                          : error.retriable() ? "timeout "
                                                                                              : "unexpected ") +
                    what + " " + error.name());
                if (error.txn_requires_abort())
                    return Called::wants_abort;
                if (!error.fatal() && !error.retriable())
                    world_.ledger.trouble(name_ + ": " + what + ": " + error.to_string());
                return Called::give_up;
            }
        }
    }

    void drop(const std::string& why) {
        world_.ledger.note("replaced " + why);
        ++world_.counters.replaced;
        world_.counters.in_flight -= static_cast<int64_t>(producer_->outstanding());
        producer_.reset();
    }

    World& world_;
    std::string id_;
    std::string name_;
    int rate_;
    std::mt19937_64 random_;
    std::optional<ottla::Producer> producer_;
    uint64_t transaction_ = 0;
    uint64_t messages_ = 0;
};

} // namespace

void run_transactional(World& world) {
    TransactionLane first(world, 1);
    TransactionLane second(world, 2);
    std::thread other([&] { second.run(); });
    first.run();
    other.join();
}

} // namespace chaos
