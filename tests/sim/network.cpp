#include "sim/network.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ottla::sim {
namespace {

class SimLink final : public core::Link {
public:
    explicit SimLink(std::shared_ptr<Stream> stream)
        : stream_(std::move(stream)) {}

    ~SimLink() override { stream_->on_link_gone(); }

    void flush() override { stream_->mark_dirty(); }

    std::string peer() const override { return "broker " + std::to_string(stream_->broker()); }

private:
    std::shared_ptr<Stream> stream_;
};

} // namespace

struct Network::Links final : core::LinkFactory {
    Links(Network& n, ClientLoop& l)
        : network(n)
        , loop(l) {}

    std::unique_ptr<core::Link> open(const std::string& host, uint16_t, core::LinkUser& user) override {
        // Hosts are named b1, b2, ...
        const int32_t broker = static_cast<int32_t>(std::strtol(host.c_str() + 1, nullptr, 10));
        auto stream = std::make_shared<Stream>(network, loop, user, broker, network.next_number_++);
        network.streams_.push_back(stream);
        loop.add(stream);
        stream->begin_to_open();
        return std::make_unique<SimLink>(std::move(stream));
    }

    Network& network;
    ClientLoop& loop;
};

Network::Network(
    EventQueue& queue, Rng& rng, Transcript& transcript, FaultCounts& faults, ProduceTap& tap, Style style
)
    : queue_(queue)
    , rng_(rng)
    , transcript_(transcript)
    , faults_(faults)
    , tap_(tap)
    , style_(style) {
}

std::unique_ptr<core::LinkFactory> Network::links_of(ClientLoop& loop) {
    return std::make_unique<Links>(*this, loop);
}

Duration Network::draw_latency() {
    const auto span = static_cast<uint64_t>((style_.latency_high - style_.latency_low).count());
    return style_.latency_low + Duration(static_cast<int64_t>(rng_.below(span + 1)));
}

void Network::send(mock::ConnectionId connection, std::vector<Buffer> frame) {
    const auto found = by_connection_.find(connection);
    if (found != by_connection_.end())
        found->second->broker_sends(std::move(frame));
}

void Network::close(mock::ConnectionId connection, Closing closing) {
    const auto found = by_connection_.find(connection);
    if (found == by_connection_.end())
        return;
    const auto stream = found->second;
    by_connection_.erase(found);
    stream->broker_closes(closing);
}

void Network::settle_cluster() {
    const TimePoint next = cluster_->poll(queue_.now());
    if (next >= cluster_alarm_)
        return;
    cluster_alarm_ = next;
    queue_.at(next, [this, next] {
        if (cluster_alarm_ != next)
            return;
        cluster_alarm_ = TimePoint::max();
        settle_cluster();
    });
}

std::shared_ptr<Stream> Network::any_open() {
    std::vector<std::shared_ptr<Stream>> open;
    std::vector<std::shared_ptr<Stream>> busy;
    for (const auto& stream : streams_) {
        if (!stream->is_open())
            continue;
        open.push_back(stream);
        if (stream->has_bytes_on_the_way())
            busy.push_back(stream);
    }
    const auto& from = !busy.empty() && rng_.below(4) != 0 ? busy : open;
    return from.empty() ? nullptr : from[rng_.below(from.size())];
}

void Network::end_process(const ClientLoop& loop, Ending ending) {
    for (const auto& stream : std::vector(streams_))
        if (stream->is_of(loop))
            stream->lose_client(ending == Ending::told);
}

void Network::heal() {
    doors_.clear();
    silent_.clear();
    partial_reads_ = partial_writes_ = false;
    for (const auto& stream : std::vector(streams_)) {
        stream->set_latency(draw_latency());
        stream->unclog();
    }
}

void Network::remove(const Stream& stream) {
    std::erase_if(streams_, [&](const auto& known) { return known.get() == &stream; });
}

// ---- Stream

Stream::Stream(Network& network, ClientLoop& loop, core::LinkUser& user, int32_t broker, uint64_t number)
    : network_(network)
    , loop_(loop)
    , user_(&user)
    , broker_(broker)
    , number_(number)
    , latency_(network.draw_latency()) {
}

size_t Stream::Pipe::take(uint8_t* to, size_t limit) {
    Segment& first = segments.front();
    const size_t size = std::min(limit, first.bytes.size() - first.taken);
    std::memcpy(to, first.bytes.data() + first.taken, size);
    first.taken += size;
    bytes -= size;
    if (first.taken == first.bytes.size())
        segments.pop_front();
    return size;
}

void Stream::begin_to_open() {
    const auto door = network_.doors_.find(broker_);
    const bool hole = door != network_.doors_.end() && door->second == Network::Door::black_hole;
    if (hole) {
        network_.transcript_.note(
            network_.queue_.now(), "link {} to broker {}: black hole", number_, broker_
        );
        return;
    }
    network_.queue_.after(latency_ * 2, [self = shared_from_this()] { self->opened(); });
}

void Stream::opened() {
    if (!user_)
        return;
    if (loop_.stalled()) {
        network_.queue_.after(latency_ + 1ms, [self = shared_from_this()] { self->opened(); });
        return;
    }
    const auto& brokers = network_.cluster_->brokers();
    const auto known = brokers.find(broker_);
    const auto door = network_.doors_.find(broker_);
    const bool refused = known == brokers.end() || !known->second.up ||
                         (door != network_.doors_.end() && door->second != Network::Door::open);
    const auto self = shared_from_this();
    if (refused) {
        network_.transcript_.note(network_.queue_.now(), "link {} to broker {}: refused", number_, broker_);
        core::LinkUser* user = let_go();
        loop_.event([&] {
            user->on_closed(Error(Errc::_transport, "connection refused"), network_.queue_.now());
        });
        network_.remove(*this);
        return;
    }
    connection_ = network_.cluster_->connect(broker_);
    network_.by_connection_[connection_] = self;
    open_ = true;
    network_.transcript_.note(network_.queue_.now(), "link {} to broker {}: open", number_, broker_);
    loop_.event([&] { user_->on_open(network_.queue_.now()); });
}

void Stream::mark_dirty() {
    if (!std::exchange(dirty_, true))
        loop_.mark_dirty(shared_from_this());
}

void Stream::write() {
    dirty_ = false;
    if (!open_ || !user_)
        return;
    constexpr size_t max_pieces = 64;
    iovec pieces[max_pieces];
    for (;;) {
        const size_t count = user_->gather(pieces);
        if (count == 0)
            return;
        size_t offered = 0;
        for (size_t i = 0; i < count; ++i)
            offered += pieces[i].iov_len;
        size_t size = std::min(offered, network_.style_.window - std::min(network_.style_.window, up_.bytes));
        if (size > 1 && network_.partial_writes_ && network_.rng_.below(2) == 0)
            size = 1 + network_.rng_.below(size);
        if (size != 0) {
            Segment segment{.at = {}, .bytes = {}};
            segment.bytes.reserve(size);
            for (size_t i = 0; segment.bytes.size() < size; ++i) {
                const auto* from = static_cast<const uint8_t*>(pieces[i].iov_base);
                segment.bytes.insert(
                    segment.bytes.end(), from, from + std::min(pieces[i].iov_len, size - segment.bytes.size())
                );
            }
            network_.tap_.written(number_, broker_, segment.bytes);
            up_.bytes += size;
            up_.last_arrival = segment.at = std::max(up_.last_arrival, network_.queue_.now() + latency_);
            up_.segments.push_back(std::move(segment));
            schedule(up_, Direction::up);
            user_->on_written(size, network_.queue_.now());
            if (!user_)
                return;
        }
        if (size == offered)
            continue;
        ++network_.faults_[Fault::partial_write];
        if (up_.bytes < network_.style_.window)
            network_.queue_.after(latency_, [self = shared_from_this()] { self->become_writable(); });
        else
            full_ = true; // writable again when the peer has taken some of it
        return;
    }
}

void Stream::become_writable() {
    full_ = false;
    if (user_ && !dirty_) {
        mark_dirty();
        loop_.notify();
    }
}

void Stream::schedule(Pipe& pipe, Direction direction) {
    if (pipe.pumping || pipe.dead || (pipe.segments.empty() && !pipe.ended))
        return;
    pipe.pumping = true;
    const TimePoint due = pipe.segments.empty() ? pipe.last_arrival : pipe.segments.front().at;
    network_.queue_.at(std::max(due, pipe.blocked_until), [self = shared_from_this(), direction] {
        Pipe& which = direction == Direction::up ? self->up_ : self->down_;
        which.pumping = false;
        if (which.dead)
            return;
        if (which.blocked_until > self->network_.queue_.now())
            self->schedule(which, direction);
        else if (direction == Direction::up)
            self->pump_up();
        else
            self->pump_down();
    });
}

void Stream::pump_up() {
    if (connection_ == 0) {
        up_.drop();
        return;
    }
    const TimePoint now = network_.queue_.now();
    while (!up_.segments.empty() && up_.segments.front().at <= now && connection_ != 0) {
        const Segment& first = up_.segments.front();
        size_t size = first.bytes.size() - first.taken;
        const bool part = network_.partial_reads_ && size > 1;
        if (part)
            size = 1 + network_.rng_.below(size);
        const auto space = reader_.space();
        size = up_.take(space.data(), std::min(size, space.size()));
        const bool sane = reader_.commit(size, [&](Buffer frame) {
            network_.transcript_.note(
                now,
                "link {} > broker {}: api {} v{}, {} bytes",
                number_,
                broker_,
                frame.size() < 4 ? 0 : load_be<int16_t>(frame.data()),
                frame.size() < 4 ? 0 : load_be<int16_t>(frame.data() + 2),
                frame.size()
            );
            if (network_.hear_request_)
                network_.hear_request_(frame, !user_);
            network_.cluster_->on_frame(connection_, std::move(frame), now);
            return connection_ != 0;
        });
        if (!sane) {
            network_.cluster_->on_closed(connection_);
            forget_broker();
            end_client(now + latency_);
        }
        if (part && !up_.segments.empty()) {
            ++network_.faults_[Fault::partial_read];
            up_.segments.front().at = std::max(up_.segments.front().at, now + latency_ / 4);
        }
    }
    if (connection_ != 0 && up_.segments.empty() && up_.ended) {
        network_.cluster_->on_closed(connection_);
        forget_broker();
    }
    network_.settle_cluster();
    if (full_ && up_.bytes < network_.style_.window)
        become_writable();
    if (is_over())
        network_.remove(*this);
    else
        schedule(up_, Direction::up);
}

void Stream::pump_down() {
    if (!user_) {
        down_.drop();
        return;
    }
    if (loop_.stalled())
        return; // read when the loop catches up
    const auto self = shared_from_this();
    loop_.event([&] { read_all(); });
    if (is_over())
        network_.remove(*this);
}

void Stream::read_all() {
    const TimePoint now = network_.queue_.now();
    if (!user_ || !open_ || down_.dead || down_.blocked_until > now)
        return;
    while (user_ && !down_.segments.empty() && down_.segments.front().at <= now) {
        const auto space = user_->read_space();
        size_t size = space.size();
        const size_t there = down_.segments.front().bytes.size() - down_.segments.front().taken;
        const bool part = network_.partial_reads_ && there > 1;
        if (part)
            size = std::min(size, 1 + network_.rng_.below(there));
        size = down_.take(space.data(), size);
        network_.tap_.read(number_, {space.data(), size});
        user_->on_read(size, now);
        if (part && !down_.segments.empty()) {
            ++network_.faults_[Fault::partial_read];
            down_.segments.front().at = std::max(down_.segments.front().at, now + latency_ / 4);
        }
    }
    if (user_ && down_.segments.empty() && down_.ended && down_.last_arrival <= now) {
        core::LinkUser* user = let_go();
        user->on_closed(Error(Errc::_transport, "the peer closed the connection"), now);
        return;
    }
    if (user_)
        schedule(down_, Direction::down);
}

/// The client has nothing to do with it any more.
core::LinkUser* Stream::let_go() {
    network_.tap_.closed(number_);
    return std::exchange(user_, nullptr);
}

void Stream::on_link_gone() {
    let_go();
    down_.drop();
    if (!open_ || connection_ == 0) {
        network_.remove(*this);
        return;
    }
    // What was written still arrives, then the end of the stream.
    up_.ended = true;
    up_.last_arrival = std::max(up_.last_arrival, network_.queue_.now() + latency_);
    schedule(up_, Direction::up);
}

void Stream::broker_sends(std::vector<Buffer> frame) {
    if (!user_ || down_.dead)
        return;
    Segment segment{.at = std::max(down_.last_arrival, network_.queue_.now() + latency_), .bytes = {}};
    for (const Buffer& piece : frame)
        segment.bytes.insert(segment.bytes.end(), piece.data(), piece.data() + piece.size());
    network_.transcript_.note(
        network_.queue_.now(), "link {} < broker {}: {} bytes", number_, broker_, segment.bytes.size()
    );
    down_.bytes += segment.bytes.size();
    down_.last_arrival = segment.at;
    down_.segments.push_back(std::move(segment));
    schedule(down_, Direction::down);
}

void Stream::broker_closes(mock::Outlet::Closing closing) {
    connection_ = 0;
    up_.drop();
    if (network_.silent_.contains(broker_)) {
        up_.dead = down_.dead = true;
        down_.drop();
        return;
    }
    if (closing == mock::Outlet::Closing::at_once && network_.rng_.below(2) == 0)
        down_.drop();
    end_client(network_.queue_.now() + latency_);
}

void Stream::forget_broker() {
    network_.by_connection_.erase(connection_);
    connection_ = 0;
}

/// The client hears of the end behind what is still on its way.
void Stream::end_client(TimePoint at) {
    network_.transcript_.note(network_.queue_.now(), "link {} of broker {} ends", number_, broker_);
    down_.ended = true;
    down_.last_arrival = std::max(down_.last_arrival, at);
    if (user_)
        schedule(down_, Direction::down);
    else
        network_.queue_.at(at, [self = shared_from_this()] { self->network_.remove(*self); });
}

// ---- trouble

void Stream::cut() {
    if (connection_ != 0) {
        network_.cluster_->on_closed(connection_);
        forget_broker();
    }
    up_.drop();
    // The client may have got part of an answer.
    while (down_.segments.size() > 1)
        down_.segments.pop_back();
    down_.bytes = 0;
    if (!down_.segments.empty()) {
        Segment& part = down_.segments.front();
        part.bytes.resize(part.taken + network_.rng_.below(part.bytes.size() - part.taken + 1));
        if (part.bytes.size() == part.taken)
            down_.segments.clear();
        else
            down_.bytes = part.bytes.size() - part.taken;
    }
    end_client(network_.queue_.now() + latency_);
}

void Stream::cut_answer() {
    up_.blocked_until = {};
    for (Segment& segment : up_.segments)
        segment.at = network_.queue_.now();
    while (connection_ != 0 && !up_.segments.empty()) {
        const size_t before = up_.bytes;
        pump_up();
        if (up_.bytes == before)
            break;
        if (!up_.segments.empty())
            up_.segments.front().at = network_.queue_.now();
    }
    down_.drop();
    cut();
}

void Stream::half_open() {
    if (connection_ != 0) {
        network_.cluster_->on_closed(connection_);
        forget_broker();
    }
    up_.dead = down_.dead = true;
    up_.drop();
    down_.drop();
}

void Stream::mute() {
    down_.dead = true;
    down_.drop();
}

void Stream::lose_client(bool told) {
    if (told) {
        on_link_gone();
        return;
    }
    let_go();
    up_.dead = down_.dead = true;
    up_.drop();
    down_.drop();
}

void Stream::clog(Direction direction, TimePoint until) {
    Pipe& pipe = direction == Direction::up ? up_ : down_;
    pipe.blocked_until = std::max(pipe.blocked_until, until);
}

void Stream::unclog() {
    up_.blocked_until = down_.blocked_until = {};
    up_.pumping = down_.pumping = false; // a second pump finds nothing to do
    schedule(up_, Direction::up);
    schedule(down_, Direction::down);
}

} // namespace ottla::sim
