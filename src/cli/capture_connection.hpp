// One TCP connection of a capture: finds out which end is the broker, and hands what was sent to a
// Conversation.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ottla/inspect.hpp>

#include "tcp_stream.hpp"

namespace ottla::cli {

class CaptureConnection {
public:
    /// The time is that of the packet that completed the frame.
    using Sink = std::function<
        void(const SeenFrame&, const Endpoint& client, const Endpoint& broker, int64_t time_us)>;

    struct Options {
        ConversationOptions conversation{};
        /// Those of brokers; empty: 9092, and any whose clients speak Kafka's protocol.
        std::vector<uint16_t> ports{};
    };

    /// `first`: its first captured segment, still to be added. `options` and `sink` must outlive the
    /// connection.
    CaptureConnection(const Options& options, const Sink& sink, const TcpSegment& first);
    CaptureConnection(const CaptureConnection&) = delete;
    CaptureConnection& operator=(const CaptureConnection&) = delete;

    void add(const TcpSegment& segment, int64_t time_us);
    void finish();

    bool is_closed() const { return stream_.is_closed(); }

    /// What it sent does not look like Kafka's protocol, and its ports do not say that it is.
    bool is_foreign() const { return state_ == State::foreign; }

    /// Whether a segment begins another connection between the same ends.
    bool is_followed_by(const TcpSegment& segment) const;

private:
    enum class State {
        undecided, ///< what comes is held
        kafka,
        foreign, ///< what comes is dropped
    };

    struct Held {
        int end;
        std::string bytes;
        uint64_t missing;
        int64_t time_us;
    };

    void on_piece(const TcpStream::Piece& piece);
    void decide(const Held& latest);
    void become_kafka(int client);
    void pass_on(int end, Bytes bytes, uint64_t missing, int64_t time_us);
    bool is_broker_port(uint16_t port) const;

    const Options& options_;
    const Sink& sink_;
    const std::array<Endpoint, 2> ends_;
    const bool from_start_; ///< its first packet was captured
    const uint32_t first_sequence_;
    std::optional<int> client_;
    State state_ = State::undecided;
    std::vector<Held> held_;
    size_t held_bytes_ = 0;
    std::string client_begins_; ///< the first bytes of the client
    std::optional<Conversation> conversation_;
    int64_t time_us_ = 0;
    TcpStream stream_;
};

} // namespace ottla::cli
