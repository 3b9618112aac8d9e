// One connection to a broker: from opening through ApiVersions (KIP-35, KIP-511) to pipelined requests, whose answers come
// strictly in order. Knows bytes, frames, correlation ids and time limits. Does not know which broker a request is for.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>

#include "base/move_only_function.hpp"
#include "core/call.hpp"
#include "core/core.hpp"
#include "core/net/api_versions.hpp"
#include "core/net/frame_reader.hpp"
#include "core/net/link.hpp"
#include "stats/broker_numbers.hpp"

namespace ottla::core {

struct ConnectionConfig {
    std::string client_id;
    std::string software_name;
    std::string software_version;
    Duration setup_timeout = std::chrono::seconds(30); ///< socket.connection.setup.timeout.ms, from opening to ready
    Duration versions_timeout = std::chrono::seconds(10); ///< api.version.request.timeout.ms, a part of it
    Duration max_idle = Duration::zero();              ///< connections.max.idle.ms; zero: never closed for idleness
    size_t max_response = 100'000'000;                 ///< receive.message.max.bytes
    size_t max_in_flight = 1'000'000;                  ///< max.in.flight.requests.per.connection
    size_t read_ahead = FrameReader::block_size;
    /// Set: the broker is taken to be of that old release and is not asked for its versions.
    std::optional<ApiVersions> assumed_versions;
};

class Connection final : public LinkUser {
public:
    enum class State : uint8_t {
        opening,     ///< the link is on its way
        negotiating, ///< ApiVersions has been sent
        ready,       ///< takes requests
        down,        ///< over; the owner may destroy it
    };
    using Done = MoveOnlyFunction<void(PendingCall::RawResult, TimePoint now)>;

    struct Request {
        msg::ApiKey api_key;
        int16_t version;
        wire::Pieces frame;
        TimePoint deadline;
        bool expects_response;
        Done done; ///< called exactly once
        int32_t messages = 0; ///< in it
    };

    /// Hears of the two turning points. Called from inside the connection's inputs: destroy it later.
    class Owner {
    public:
        virtual ~Owner() = default;
        virtual void on_ready(Connection& connection, TimePoint now) = 0;
        virtual void on_down(Connection& connection, const Error& error, TimePoint now) = 0;
    };

    /// `counters`, like `owner`, outlive it.
    Connection(ConnectionConfig config, int32_t node, std::string name, Owner& owner, stats::BrokerCounters& counters);
    ~Connection() override;

    void open(LinkFactory& links, const std::string& host, uint16_t port, TimePoint now);
    State state() const { return state_; }
    /// For people: what the peer has not done yet so that the connection is ready.
    std::string what_it_waits_for() const;
    int32_t node() const { return node_; }
    /// For messages: "host:port/node".
    const std::string& name() const { return name_; }
    TimePoint opened() const { return opened_; }
    bool opening_longer_than(Duration limit, TimePoint now) const {
        return (state_ == State::opening || state_ == State::negotiating) && now - opened_ > limit;
    }
    const ApiVersions& versions() const { return versions_; }
    /// Whether they are those of a release that was named, not told by the broker.
    bool assumes_versions() const { return config_.assumed_versions.has_value(); }
    /// Whether another request may be sent now.
    bool has_room() const { return state_ == State::ready && in_flight_.size() < config_.max_in_flight; }
    size_t in_flight() const { return in_flight_.size(); }
    /// Messages in those requests.
    int64_t messages_in_flight() const;
    /// True once it broke during ApiVersions without a byte of an answer: perhaps a broker before 0.10.
    bool died_unanswered() const { return died_unanswered_; }

    /// Of a connection that is down: it was ready, and nothing was waiting on it.
    bool ended_idle() const { return ended_idle_; }
    TimePoint last_used() const { return last_used_; }

    /// Correlation id for the next request.
    int32_t next_correlation_id() { return correlation_id_; }
    void send(Request request, TimePoint now);
    /// Ends the connection; every unanswered request gets `error`.
    void shut(Error error, TimePoint now);
    /// Judges time limits; returns the next one.
    TimePoint poll(TimePoint now);

    // LinkUser
    void on_open(TimePoint now) override;
    void on_closed(Error error, TimePoint now) override;
    std::span<uint8_t> read_space() override { return reader_.space(); }
    void on_read(size_t size, TimePoint now) override;
    size_t gather(std::span<iovec> out) override;
    void on_written(size_t size, TimePoint now) override;

private:
    struct InFlight {
        int32_t correlation_id;
        msg::ApiKey api_key;
        int16_t version;
        bool expects_response;
        TimePoint deadline;
        uint64_t begin; ///< of the frame, in bytes written since the connection opened
        uint64_t end;
        int32_t messages;
        Done done;
    };

    void transition(State to);
    void enqueue(Request request);
    void ask_versions(int16_t version, TimePoint now);
    void on_versions(PendingCall::RawResult raw, int16_t asked, TimePoint now);
    TimePoint setup_limit() const;
    bool on_frame(Buffer frame, TimePoint now);
    void become_ready(TimePoint now);
    std::string describe(const InFlight& request) const;

    const ConnectionConfig config_;
    const int32_t node_;
    const std::string name_;
    Owner& owner_;
    stats::BrokerCounters& counters_;
    State state_ = State::opening;
    ApiVersions versions_;
    FrameReader reader_;
    std::unique_ptr<Link> link_;

    std::deque<Buffer> unwritten_;
    size_t unwritten_offset_ = 0; ///< already written of the first
    uint64_t enqueued_bytes_ = 0;
    uint64_t written_bytes_ = 0;
    uint64_t read_bytes_ = 0;
    std::deque<InFlight> in_flight_;
    TimePoint next_deadline_ = never; ///< no request is due before it
    int32_t correlation_id_ = 1;
    TimePoint negotiating_since_{};
    TimePoint opened_{};
    TimePoint last_used_{};
    TimePoint last_read_{};
    bool died_unanswered_ = false;
    bool ended_idle_ = false;
};

} // namespace ottla::core
