// A producer in a world: the real accumulator, producer core, router, metadata and connections on a loop in
// virtual time.
#pragma once

#include <optional>
#include <vector>

#include "core/cluster/cluster.hpp"
#include "core/produce/producer.hpp"
#include "sim/ledger.hpp"

namespace ottla::sim {

class ProducerClient final : public core::produce::BatchSink, public core::ClusterEvents {
public:
    ProducerClient(World& world, Ledger& ledger, config::ClientConfig config, uint64_t seed);

    /// Hands a message in. False: it was refused with an error the application expects (queue full, fatal).
    bool produce(const std::string& topic, int32_t partition, size_t padding);
    void flush(bool on);
    /// `flushed()` tells when what was accepted so far is settled.
    void begin_flush();

    bool flushed() const { return flushed_; }

    void purge();
    void close();

    ClientLoop& loop() { return loop_; }

    const std::optional<Error>& fatal() const { return fatal_; }

    const config::ClientConfig& config() const { return config_; }

    int64_t outstanding() const { return accumulator_.outstanding(); }

private:
    void drain();
    void deliver(accumulator::Batch* batch) override;
    void on_fatal(const Error& error) override;
    void on_error(const Error& error) override;
    void on_log(int level, std::string_view facility, std::string_view text) override;
    void on_throttle(std::string_view, int32_t node, std::chrono::milliseconds time) override;

    World& world_;
    Ledger& ledger_;
    const config::ClientConfig config_;
    ClientLoop loop_;
    bool rung_ = false;
    bool flushed_ = false;
    std::vector<accumulator::Batch*> delivered_; ///< reported, and not given back yet
    std::optional<Error> fatal_;
    accumulator::Accumulator accumulator_;
    core::Cluster cluster_;
    core::produce::ProducerCore core_;
};

} // namespace ottla::sim
