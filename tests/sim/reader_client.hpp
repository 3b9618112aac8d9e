// A consumer in a world: the real fetcher, and the reader that consumers decode slices with. Reads whole
// partitions from the beginning and compares with what is known to lie there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/slice_reader.hpp"
#include "core/cluster/cluster.hpp"
#include "core/fetch/fetcher.hpp"
#include "sim/ledger.hpp"

namespace ottla::sim {

class ReaderClient final : public core::FetchSink, public core::ClusterEvents {
public:
    ReaderClient(World& world, config::ClientConfig config, uint64_t seed);

    /// Reads the partition from `offset` (or a logical one) on; it holds `expected`, by offset. What is empty is not shown.
    void read(const std::string& topic, int32_t partition, int64_t offset, const Ledger::Log& expected);

    /// Every partition has been read to its end.
    bool done() const { return open_ == 0; }

    /// "t1[0] at 17 of 20, ..."
    std::string unfinished() const;
    void close();

    ClientLoop& loop() { return loop_; }

private:
    struct Reading {
        std::string topic;
        int32_t partition = 0;
        const Ledger::Log* expected = nullptr;
        int64_t next = 0;
        bool done = false;
    };

    void deliver(core::FetchEvent event) override;
    void on_watermarks(core::StreamId stream, int64_t low, int64_t high) override;
    void take_credits(std::vector<core::Credit>& into, Wake wake) override;
    void on_slice(core::StreamId stream, Reading& reading, core::FetchedSlice slice);
    void on_failure(core::StreamId stream, Reading& reading, const core::PartitionFailure& failure);
    void seek_to_beginning(core::StreamId stream);
    static void pass_unseen(Reading& reading);
    void judge_end(Reading& reading);
    void on_error(const Error& error) override;
    void on_log(int level, std::string_view facility, std::string_view text) override;
    void on_throttle(std::string_view, int32_t node, std::chrono::milliseconds time) override;

    World& world_;
    const config::ClientConfig config_;
    ClientLoop loop_;
    std::map<core::StreamId, Reading> readings_;
    size_t open_ = 0;
    bool closed_ = false; ///< what comes now is not listened to
    core::StreamId next_stream_ = 1;
    std::vector<core::Credit> credits_;
    bool wake_on_credit_ = false;
    client::DecodeContext decode_{};
    client::SliceReader slice_reader_;
    core::Cluster cluster_;
    core::Fetcher fetcher_;
};

} // namespace ottla::sim
