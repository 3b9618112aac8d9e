// Listens on the client's side of every stream, and knows from the bytes alone which batches are unanswered
// where: what a producer promises about requests in flight is checked without asking the producer.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mock/cluster_core.hpp"

namespace ottla::sim {

class ProduceTap {
public:
    explicit ProduceTap(std::function<void(std::string)> on_violation)
        : violate_(std::move(on_violation)) {}

    void set_cluster(mock::ClusterCore& cluster) { cluster_ = &cluster; }

    /// At most so many batches of a partition may be unanswered. Set before the first stream.
    void set_limit(size_t limit) { limit_ = limit; }

    void written(uint64_t stream, int32_t broker, std::span<const uint8_t> bytes);
    void read(uint64_t stream, std::span<const uint8_t> bytes);

    /// A purge gives up what is unanswered, also requests that only wait for their connection: nothing is
    /// known of what may follow what from now on.
    void stop_checking() { checking_ = false; }

    /// The client has let go of it, or knows that it is over.
    void closed(uint64_t stream) { streams_.erase(stream); }

private:
    using Where = std::pair<std::string, int32_t>;

    struct Tapped {
        int32_t broker = -1;
        std::vector<uint8_t> out;            ///< the beginning of a request
        std::deque<std::vector<Where>> open; ///< by unanswered request, the batches in it
        size_t answer_left = 0;              ///< bytes of the answer that is arriving
        size_t prefix_size = 0;
        uint8_t prefix[4] = {};
    };

    void on_request(uint64_t stream, Tapped& tapped, const Buffer& frame);
    void check(uint64_t stream, const Tapped& tapped, const Where& where);

    const std::function<void(std::string)> violate_;
    mock::ClusterCore* cluster_ = nullptr;
    size_t limit_ = 5;
    bool checking_ = true;
    std::map<uint64_t, Tapped> streams_;
};

} // namespace ottla::sim
