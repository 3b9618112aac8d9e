#include "sim/producer_client.hpp"

#include <algorithm>

#include "accumulator/limits_of.hpp"

namespace ottla::sim {
namespace {

constexpr uint32_t own_lane = 1;

} // namespace

ProducerClient::ProducerClient(World& world, Ledger& ledger, config::ClientConfig config, uint64_t seed)
    : world_(world)
    , ledger_(ledger)
    , config_(std::move(config))
    , loop_(world.queue)
    , accumulator_(
          accumulator::limits_of(config_),
          [this] {
              rung_ = true;
              loop_.notify();
          }
      )
    , cluster_(loop_.scheduler(), world.network.links_of(loop_), config_, *this, seed)
    , core_(
          accumulator_,
          core::produce::ClusterPorts{
              .caller = cluster_.caller(),
              .metadata = cluster_.metadata(),
              .produce_version = [this](int32_t node
                                 ) { return cluster_.usable_version(node, msg::ApiKey::produce); },
              .unsent = [this](int32_t node) { return cluster_.unsent(node, core::Lane::produce, own_lane); },
              .prepare = [this](int32_t node) { cluster_.prepare(node, core::Lane::produce, own_lane); }},
          config_,
          *this,
          *this,
          own_lane,
          seed + 2
      ) {
    loop_.scheduler().add(core_);
    loop_.on_drain([this] { drain(); });
    loop_.notify();
}

void ProducerClient::drain() {
    for (accumulator::Batch* batch : std::exchange(delivered_, {}))
        accumulator_.finish(batch);
    if (std::exchange(rung_, false))
        core_.wake();
}

bool ProducerClient::produce(const std::string& topic, int32_t partition, size_t padding) {
    const size_t id = ledger_.accept(topic, partition, padding);
    const std::string value = Ledger::value_of(id, padding);
    const Errc code = accumulator_.append(
        {.topic = topic,
         .key = {},
         .value = value,
         .headers = {},
         .timestamp_ms = 0,
         .partition = partition,
         .token = {.value = id + 1, .kind = accumulator::TokenKind::opaque}}
    );
    if (code == Errc::no_error) {
        world_.note("produce {}[{}]: message {}, {} bytes", topic, partition, id, value.size());
        return true;
    }
    ledger_.withdraw();
    if (code != Errc::_queue_full && !(code == Errc::_fatal && fatal_))
        world_.violate("a message for {}[{}] was refused: {}", topic, partition, error_name(code));
    return false;
}

void ProducerClient::flush(bool on) {
    core_.set_flushing(on);
    loop_.notify();
}

void ProducerClient::begin_flush() {
    core_.flush(world_.now(), [this] { flushed_ = true; });
    loop_.notify();
}

void ProducerClient::purge() {
    world_.note("purge");
    core_.purge(core::produce::ProducerCore::Purge::all, world_.now());
    world_.tap.stop_checking();
    loop_.notify();
}

void ProducerClient::close() {
    core_.close(Error(Errc::_destroy, "closed"), world_.now());
    drain();
    loop_.scheduler().remove(core_);
    cluster_.close(world_.now());
    loop_.stop();
}

void ProducerClient::deliver(accumulator::Batch* batch) {
    ledger_.on_delivered(*batch);
    if (std::find(delivered_.begin(), delivered_.end(), batch) == delivered_.end())
        delivered_.push_back(batch);
}

void ProducerClient::on_fatal(const Error& error) {
    world_.note("fatal: {}", error.message());
    if (fatal_)
        world_.violate("a second fatal error: {}", error.message());
    fatal_ = error;
}

void ProducerClient::on_error(const Error& error) {
    world_.note("producer: {} {}", error_name(error.errc()), error.message());
}

void ProducerClient::on_log(int level, std::string_view facility, std::string_view text) {
    world_.note("producer: {} {}: {}", level, facility, text);
}

void ProducerClient::on_throttle(std::string_view, int32_t node, std::chrono::milliseconds time) {
    world_.note("producer: throttled by broker {}: {} ms", node, time.count());
}

} // namespace ottla::sim
