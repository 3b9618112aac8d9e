// The simulated network: byte streams between client cores and the brokers of a mock cluster, with latency,
// bounded socket buffers, and everything that can befall a stream. Knows bytes and endings; does not know
// what they mean.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "core/net/link.hpp"
#include "mock/cluster_core.hpp"
#include "mock/server/frame_reader.hpp"
#include "sim/client_loop.hpp"
#include "sim/fault.hpp"
#include "sim/produce_tap.hpp"
#include "sim/transcript.hpp"

namespace ottla::sim {

class Network;

/// One connection. It lives while either side holds it or bytes are on their way.
class Stream : public std::enable_shared_from_this<Stream> {
public:
    Stream(Network& network, ClientLoop& loop, core::LinkUser& user, int32_t broker, uint64_t number);

    // --- the client's side
    void begin_to_open();
    void mark_dirty();
    void write();
    /// Reads whatever lies there.
    void read_all();
    void on_link_gone();

    // --- the broker's side
    void broker_sends(std::vector<Buffer> frame);
    void broker_closes(mock::Outlet::Closing closing);

    // --- trouble
    enum class Direction { up, down };
    void cut();
    void cut_answer();
    void half_open();
    void mute();
    /// The client's process is gone.
    void lose_client(bool told);
    void clog(Direction direction, TimePoint until);
    void unclog();

    void set_latency(Duration latency) { latency_ = latency; }

    int32_t broker() const { return broker_; }

    uint64_t number() const { return number_; }

    bool is_open() const { return user_ && connection_ != 0; }

    bool has_bytes_on_the_way() const { return !up_.segments.empty() || !down_.segments.empty(); }

    bool is_of(const ClientLoop& loop) const { return &loop_ == &loop; }

    bool is_over() const { return !user_ && connection_ == 0; }

private:
    struct Segment {
        TimePoint at; ///< arrives
        std::vector<uint8_t> bytes;
        size_t taken = 0;
    };

    struct Pipe {
        std::deque<Segment> segments;
        size_t bytes = 0;
        TimePoint last_arrival{};
        TimePoint blocked_until{};
        bool dead = false;  ///< nothing arrives any more
        bool ended = false; ///< the end of the stream follows the segments
        bool pumping = false;

        void drop() {
            segments.clear();
            bytes = 0;
        }

        size_t take(uint8_t* to, size_t limit);
    };

    void opened();
    void become_writable();
    void pump(Pipe& pipe, Direction direction);
    void schedule(Pipe& pipe, Direction direction);
    void pump_up();
    void pump_down();
    void feed_broker(const uint8_t* data, size_t size);
    void forget_broker();
    void end_client(TimePoint at);
    core::LinkUser* let_go();

    Network& network_;
    ClientLoop& loop_;
    core::LinkUser* user_; ///< null: the client has let go, or knows that the stream is over
    const int32_t broker_;
    const uint64_t number_;
    mock::ConnectionId connection_ = 0; ///< 0: the broker has none
    bool open_ = false;
    bool dirty_ = false;
    bool full_ = false; ///< the send buffer is
    Duration latency_;
    Pipe up_;
    Pipe down_;
    mock::FrameReader reader_;
};

class Network final : public mock::Outlet {
public:
    struct Style {
        Duration latency_low = std::chrono::microseconds(50);
        Duration latency_high = std::chrono::microseconds(500);
        size_t window = 64 * 1024; ///< of a socket's send buffer
    };

    Network(
        EventQueue& queue, Rng& rng, Transcript& transcript, FaultCounts& faults, ProduceTap& tap, Style style
    );

    void set_cluster(mock::ClusterCore& cluster) { cluster_ = &cluster; }

    std::unique_ptr<core::LinkFactory> links_of(ClientLoop& loop);

    // --- Outlet
    void send(mock::ConnectionId connection, std::vector<Buffer> frame) override;
    void close(mock::ConnectionId connection, Closing closing) override;
    /// After each input to the cluster: lets it do what is due and sets its alarm.
    void settle_cluster();

    // --- trouble
    enum class Door : uint8_t { open, refusing, black_hole };

    void set_door(int32_t broker, Door door) { doors_[broker] = door; }

    /// Nobody is told when its connections end (a machine without power), until `speak`.
    void fall_silent(int32_t broker) { silent_.insert(broker); }

    void speak(int32_t broker) { silent_.erase(broker); }

    void set_partial_writes(bool on) { partial_writes_ = on; }

    void set_partial_reads(bool on) { partial_reads_ = on; }

    /// A process has ended: told, its brokers hear of it behind what was written, else never.
    enum class Ending { told, silent };
    void end_process(const ClientLoop& loop, Ending ending);

    /// Hears of each request that arrives. `stray`: the client has given up its connection meanwhile.
    void on_request(std::function<void(const Buffer& frame, bool stray)> hear) { hear_request_ = std::move(hear); }

    /// One of the open streams, rather one with bytes on the way; null: there is none.
    std::shared_ptr<Stream> any_open();
    void heal();

private:
    friend class Stream;
    struct Links;

    void remove(const Stream& stream);
    Duration draw_latency();

    EventQueue& queue_;
    Rng& rng_;
    Transcript& transcript_;
    FaultCounts& faults_;
    ProduceTap& tap_;
    const Style style_;
    std::function<void(const Buffer&, bool)> hear_request_;
    mock::ClusterCore* cluster_ = nullptr;
    std::vector<std::shared_ptr<Stream>> streams_;
    std::map<mock::ConnectionId, std::shared_ptr<Stream>> by_connection_;
    std::map<int32_t, Door> doors_;
    std::set<int32_t> silent_;
    TimePoint cluster_alarm_ = TimePoint::max();
    uint64_t next_number_ = 1;
    bool partial_writes_ = false;
    bool partial_reads_ = false;
};

} // namespace ottla::sim
