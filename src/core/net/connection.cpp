#include "core/net/connection.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/probe.hpp"

namespace ottla::core {
namespace {

constexpr bool may_follow(Connection::State from, Connection::State to) {
    using enum Connection::State;
    switch (to) {
    case opening:
        return false;
    case negotiating:
        return from == opening;
    case ready:
        return from == opening || from == negotiating;
    case down:
        return from != down;
    }
    return false;
}

constexpr Duration stalled_after = std::chrono::seconds(1);
constexpr std::string_view perhaps_old = "a broker before 0.10 wants api.version.request=false and broker.version.fallback=0.9.0 or 0.8.2";

auto milliseconds_between(TimePoint from, TimePoint to) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
}

} // namespace

Connection::Connection(ConnectionConfig config, int32_t node, std::string name, Owner& owner, stats::BrokerCounters& counters)
    : config_(std::move(config))
    , node_(node)
    , name_(std::move(name))
    , owner_(owner)
    , counters_(counters)
    , reader_(config_.max_response, config_.read_ahead) {}

Connection::~Connection() = default;

void Connection::transition(State to) {
    OTTLA_ASSERT(may_follow(state_, to));
    probe::step("connection", state_, to);
    state_ = to;
}

void Connection::open(LinkFactory& links, const std::string& host, uint16_t port, TimePoint now) {
    opened_ = last_used_ = now;
    ++counters_.connects;
    link_ = links.open(host, port, *this);
}

void Connection::on_open(TimePoint now) {
    if (state_ == State::down)
        return;
    if (config_.assumed_versions) {
        versions_ = *config_.assumed_versions;
        become_ready(now);
        return;
    }
    transition(State::negotiating);
    negotiating_since_ = now;
    ask_versions(msg::ApiVersionsRequest::max_version, now);
}

void Connection::ask_versions(int16_t version, TimePoint now) {
    msg::ApiVersionsRequest request;
    request.client_software_name = config_.software_name;
    request.client_software_version = config_.software_version;
    auto frame = wire::encode_request(request, version, correlation_id_, config_.client_id);
    if (!frame) {
        shut(frame.error(), now);
        return;
    }
    enqueue(
        {.api_key = msg::ApiKey::api_versions,
         .version = version,
         .frame = std::move(*frame),
         .deadline = setup_limit(),
         .expects_response = true,
         .done = [this, version](PendingCall::RawResult raw, TimePoint when) { on_versions(std::move(raw), version, when); }});
}

void Connection::on_versions(PendingCall::RawResult raw, int16_t asked, TimePoint now) {
    if (!raw)
        return; // the connection is going down, which is told elsewhere
    // A broker that does not know the version answers in version 0, whatever was asked (KIP-511).
    constexpr size_t correlation_size = 4;
    const bool refused = raw->frame.size() >= correlation_size + 2 &&
                         load_be<int16_t>(raw->frame.data() + correlation_size) == static_cast<int16_t>(Errc::unsupported_version);
    msg::ApiVersionsResponse response;
    if (Error error = wire::decode_response(response, refused ? int16_t{0} : asked, raw->frame)) {
        shut(std::move(error), now);
        return;
    }
    const auto code = static_cast<Errc>(response.error_code);
    if (refused) {
        const VersionRange offered = ApiVersions::from(response).of(msg::ApiKey::api_versions);
        const int16_t next = offered.present() ? std::min<int16_t>(offered.max, asked) : int16_t{0};
        if (asked > 0 && next < asked) {
            ask_versions(next, now);
            return;
        }
    }
    if (code != Errc::no_error) {
        shut(Error(code, fmt::format("ApiVersions was refused: {}", error_text(code))), now);
        return;
    }
    versions_ = ApiVersions::from(response);
    become_ready(now);
}

void Connection::become_ready(TimePoint now) {
    transition(State::ready);
    owner_.on_ready(*this, now);
}

void Connection::send(Request request, TimePoint now) {
    OTTLA_ASSERT(state_ == State::ready);
    last_used_ = now;
    enqueue(std::move(request));
}

void Connection::enqueue(Request request) {
    InFlight entry{
        .correlation_id = correlation_id_++,
        .api_key = request.api_key,
        .version = request.version,
        .expects_response = request.expects_response,
        .deadline = request.deadline,
        .begin = enqueued_bytes_,
        .end = enqueued_bytes_ + request.frame.size(),
        .messages = request.messages,
        .done = std::move(request.done),
    };
    enqueued_bytes_ = entry.end;
    ++counters_.requests_sent;
    if (const auto api = static_cast<size_t>(entry.api_key); api < counters_.api_room)
        ++counters_.sent_by_api[api];
    for (const Buffer& piece : request.frame.buffers())
        if (!piece.empty())
            unwritten_.push_back(piece);
    next_deadline_ = std::min(next_deadline_, entry.deadline);
    in_flight_.push_back(std::move(entry));
    if (correlation_id_ < 0)
        correlation_id_ = 1;
    link_->flush();
}

size_t Connection::gather(std::span<iovec> out) {
    size_t count = 0;
    for (const Buffer& piece : unwritten_) {
        if (count == out.size())
            break;
        const size_t skip = count == 0 ? unwritten_offset_ : 0;
        out[count++] = {const_cast<uint8_t*>(piece.data()) + skip, piece.size() - skip};
    }
    return count;
}

void Connection::on_written(size_t size, TimePoint now) {
    written_bytes_ += size;
    counters_.bytes_sent += static_cast<int64_t>(size);
    counters_.last_sent = now;
    size += unwritten_offset_;
    while (!unwritten_.empty() && size >= unwritten_.front().size()) {
        size -= unwritten_.front().size();
        unwritten_.pop_front();
    }
    unwritten_offset_ = probe::planted("partial_write_again") ? 0 : size;
    // Requests without a response are done when their last byte has been handed to the socket.
    for (size_t i = 0; i < in_flight_.size() && in_flight_[i].end <= written_bytes_;) {
        if (in_flight_[i].expects_response) {
            ++i;
            continue;
        }
        InFlight entry = std::move(in_flight_[i]);
        in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(i));
        entry.done(PendingCall::RawAnswer{.frame = {}, .version = entry.version, .node = node_}, now);
    }
}

void Connection::on_read(size_t size, TimePoint now) {
    read_bytes_ += size;
    counters_.bytes_received += static_cast<int64_t>(size);
    counters_.last_received = now;
    ++counters_.wakeups;
    last_read_ = now;
    Error error = reader_.commit(size, [&](Buffer frame) { return on_frame(std::move(frame), now); });
    if (error && state_ != State::down)
        shut(std::move(error), now);
}

bool Connection::on_frame(Buffer frame, TimePoint now) {
    if (state_ == State::down)
        return false;
    const auto waiting = std::find_if(in_flight_.begin(), in_flight_.end(), [](const InFlight& r) { return r.expects_response; });
    ++counters_.responses;
    if (frame.size() < 4 || waiting == in_flight_.end()) {
        ++counters_.receive_errors;
        shut(Error(Errc::_bad_msg, fmt::format("a response of {} bytes that was not asked for", frame.size())), now);
        return false;
    }
    const auto correlation_id = load_be<int32_t>(frame.data());
    if (correlation_id != waiting->correlation_id) {
        ++counters_.correlation_errors;
        shut(
            Error(
                Errc::_bad_msg,
                fmt::format(
                    "response with correlation id {} where {} answers {}",
                    correlation_id,
                    waiting->correlation_id,
                    msg::to_string(waiting->api_key))),
            now);
        return false;
    }
    InFlight entry = std::move(*waiting);
    in_flight_.erase(waiting);
    last_used_ = now;
    if (entry.api_key == msg::ApiKey::produce && probe::planted("drop_one_reply", 10))
        return true;
    entry.done(PendingCall::RawAnswer{.frame = std::move(frame), .version = entry.version, .node = node_}, now);
    return state_ != State::down;
}

void Connection::on_closed(Error error, TimePoint now) {
    if (state_ == State::down)
        return;
    died_unanswered_ = state_ == State::negotiating && read_bytes_ == 0;
    if (reader_.in_mid_frame())
        error.detail += " in the middle of a response";
    if (died_unanswered_)
        error.detail += fmt::format(" instead of answering ApiVersions ({}; a TLS listener wants security.protocol)", perhaps_old);
    else if (assumes_versions() && !in_flight_.empty())
        error.detail += " instead of answering (its versions are assumed from broker.version.fallback)";
    shut(std::move(error), now);
}

void Connection::shut(Error error, TimePoint now) {
    if (state_ == State::down)
        return;
    const State was = state_;
    ended_idle_ = was == State::ready && in_flight_.empty();
    transition(State::down);
    ++counters_.disconnects;
    link_.reset();
    error.detail = fmt::format(
        "{}: {} (after {} ms{})",
        name_,
        error.message(),
        milliseconds_between(opened_, now),
        was == State::opening       ? ", connecting"
        : was == State::negotiating ? ", negotiating versions"
                                    : "");
    unwritten_.clear();
    auto failed = std::move(in_flight_);
    in_flight_.clear();
    for (auto& entry : failed) {
        // One late answer ends the connection; to the requests behind it that is a lost connection.
        const bool bystander = error.errc() == Errc::_timed_out && entry.deadline > now;
        const bool late = error.errc() == Errc::_timed_out && !bystander;
        ++(late ? counters_.timeouts : counters_.send_errors);
        const bool maybe_sent = entry.begin < written_bytes_ && !probe::planted("maybe_sent_is_never_sent");
        entry.done(CallError(bystander ? Error(Errc::_transport, error.detail) : error, maybe_sent), now);
    }
    owner_.on_down(*this, error, now);
}

std::string Connection::what_it_waits_for() const {
    return state_ == State::opening
               ? fmt::format("{} has not accepted the connection", name_)
               : fmt::format("{} has accepted the connection but does not answer ApiVersions ({})", name_, perhaps_old);
}

int64_t Connection::messages_in_flight() const {
    int64_t count = 0;
    for (const auto& request : in_flight_)
        count += request.messages;
    return count;
}

TimePoint Connection::setup_limit() const {
    const TimePoint limit = opened_ + config_.setup_timeout;
    return state_ == State::negotiating ? std::min(limit, negotiating_since_ + config_.versions_timeout) : limit;
}

std::string Connection::describe(const InFlight& request) const {
    return fmt::format("{} v{}", msg::to_string(request.api_key), request.version);
}

TimePoint Connection::poll(TimePoint now) {
    if (state_ == State::down)
        return never;
    if (state_ != State::ready) {
        const TimePoint limit = setup_limit();
        if (now < limit)
            return limit;
        died_unanswered_ = state_ == State::negotiating && read_bytes_ == 0;
        shut(
            Error(
                Errc::_timed_out,
                state_ == State::opening
                    ? "no connection within socket.connection.setup.timeout.ms"
                    : fmt::format("the peer accepts connections but does not answer ApiVersions ({})", perhaps_old)),
            now);
        return never;
    }
    if (now >= next_deadline_) {
        // While a response is still flowing in, the peer lives: a long one is not a late one.
        if (reader_.in_mid_frame() && now - last_read_ < stalled_after) {
            next_deadline_ = last_read_ + stalled_after;
            return next_deadline_;
        }
        next_deadline_ = never;
        for (const auto& entry : in_flight_) {
            if (entry.deadline <= now) {
                // Answers come in order, so nothing behind it can be expected either (socket.max.fails = 1).
                shut(Error(Errc::_timed_out, fmt::format("no answer to {} in time", describe(entry))), now);
                return never;
            }
            next_deadline_ = std::min(next_deadline_, entry.deadline);
        }
    }
    TimePoint next = next_deadline_;
    if (config_.max_idle > Duration::zero() && in_flight_.empty()) {
        const TimePoint limit = last_used_ + config_.max_idle;
        if (now >= limit) {
            shut(Error(Errc::_transport, "closed: idle for connections.max.idle.ms"), now);
            return never;
        }
        next = std::min(next, limit);
    }
    return next;
}

} // namespace ottla::core
