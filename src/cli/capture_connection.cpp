#include "capture_connection.hpp"

#include <algorithm>
#include <utility>

namespace ottla::cli {
namespace {

constexpr uint16_t usual_port = 9092;
constexpr size_t most_held_bytes = size_t{1} << 20;
constexpr size_t most_held = 1000;
constexpr size_t enough_to_decide = 2000;

} // namespace

CaptureConnection::CaptureConnection(const Options& options, const Sink& sink, const TcpSegment& first)
    : options_(options)
    , sink_(sink)
    , ends_{first.source, first.target}
    , from_start_(first.syn)
    , first_sequence_(first.sequence)
    , stream_([this](const TcpStream::Piece& piece) { on_piece(piece); }) {
    const bool from_broker = is_broker_port(first.source.port);
    if (first.syn)
        client_ = first.ack ? 1 : 0; // who accepts is the broker
    else if (from_broker != is_broker_port(first.target.port))
        client_ = from_broker ? 1 : 0;
    if (client_ && is_broker_port(ends_[static_cast<size_t>(1 - *client_)].port))
        become_kafka(*client_);
    else if (!options.ports.empty())
        state_ = State::foreign;
}

bool CaptureConnection::is_broker_port(uint16_t port) const {
    if (options_.ports.empty())
        return port == usual_port;
    return std::find(options_.ports.begin(), options_.ports.end(), port) != options_.ports.end();
}

bool CaptureConnection::is_followed_by(const TcpSegment& segment) const {
    return segment.syn && !segment.ack && !(from_start_ && segment.sequence == first_sequence_);
}

void CaptureConnection::add(const TcpSegment& segment, int64_t time_us) {
    stream_.add(segment.source == ends_[0] ? 0 : 1, segment, time_us);
}

void CaptureConnection::finish() {
    stream_.finish();
    if (conversation_) {
        conversation_->end();
        conversation_.reset();
    }
    if (!std::exchange(held_, {}).empty())
        state_ = State::foreign;
}

void CaptureConnection::on_piece(const TcpStream::Piece& piece) {
    switch (state_) {
    case State::kafka:
        pass_on(piece.end, piece.bytes, piece.missing, piece.time_us);
        return;
    case State::foreign:
        return;
    case State::undecided:
        held_bytes_ += piece.bytes.size();
        held_.push_back({piece.end, std::string(piece.bytes.text()), piece.missing, piece.time_us});
        decide(held_.back());
    }
}

// Nobody said that this is a connection to a broker: the bytes must.
void CaptureConnection::decide(const Held& latest) {
    if (from_start_) {
        if (latest.end == *client_)
            client_begins_.append(latest.bytes, 0, enough_to_decide);
        const Likeness like = looks_like_request(client_begins_);
        if (like == Likeness::yes)
            return become_kafka(*client_);
        if (like == Likeness::no || (latest.end == *client_ && latest.missing))
            state_ = State::foreign;
    } else if (looks_like_request(latest.bytes) == Likeness::yes) {
        return become_kafka(latest.end); // segments of requests usually begin with one
    }
    if (held_bytes_ > most_held_bytes || held_.size() > most_held)
        state_ = State::foreign;
    if (state_ == State::foreign)
        held_ = {};
}

void CaptureConnection::become_kafka(int client) {
    state_ = State::kafka;
    client_ = client;
    conversation_.emplace(options_.conversation, [this](const SeenFrame& frame) {
        sink_(
            frame, ends_[static_cast<size_t>(*client_)], ends_[static_cast<size_t>(1 - *client_)], time_us_
        );
    });
    if (!from_start_)
        conversation_->join();
    for (const Held& held : std::exchange(held_, {}))
        pass_on(held.end, held.bytes, held.missing, held.time_us);
}

void CaptureConnection::pass_on(int end, Bytes bytes, uint64_t missing, int64_t time_us) {
    const Sender sender = end == *client_ ? Sender::client : Sender::broker;
    time_us_ = time_us;
    if (!conversation_)
        return;
    conversation_->feed(sender, bytes);
    conversation_->lose(sender, missing);
}

} // namespace ottla::cli
