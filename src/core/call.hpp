// How a core asks a broker something: a route, a request, options, and a reply that arrives once. The router
// (cluster/router.hpp) implements Caller; cores and tests see only this file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include <ottla/error.hpp>
#include <ottla/msg/api_key.hpp>
#include <ottla/types.hpp>

#include "base/move_only_function.hpp"
#include "wire/frame.hpp"

namespace ottla::core {

// Where a request goes. The router finds the broker and, where the options allow, tries again on a stale answer.
struct AnyBroker {};
struct Node {
    int32_t id;
};
struct Leader {
    std::string topic;
    int32_t partition;
};
enum class CoordinatorType : int8_t { group = 0, transaction = 1, share = 2 };
struct Coordinator {
    CoordinatorType type;
    std::string key;
};
struct Controller {};
using Route = std::variant<AnyBroker, Node, Leader, Coordinator, Controller>;

/// A broker answers a connection strictly in order, so requests that may wait long have connections of their own.
enum class Lane : uint8_t { general, produce, fetch, fetch_beside, group };

/// The code if a coordinator says with it that it has moved or is coming up, which is the router's to see to; else no error.
inline Errc if_coordinator_moved(Errc code) {
    switch (code) {
    case Errc::not_coordinator:
    case Errc::coordinator_not_available:
    case Errc::coordinator_load_in_progress:
        return code;
    default:
        return Errc::no_error;
    }
}

/// The same of a response with one error for all, as `call` takes it.
template <class Response>
Errc coordinator_error(const Response& response) {
    return if_coordinator_moved(static_cast<Errc>(response.error_code));
}

/// Failure of a call. `maybe_sent`: the broker may have seen (and done) it.
struct CallError : Error {
    bool maybe_sent = false;

    CallError() = default;
    CallError(Error error, bool sent = false) : Error(std::move(error)), maybe_sent(sent) {}
};

template <class Response>
struct Answer {
    Response response;
    int16_t version = 0; ///< of the request that was answered
    int32_t node = -1;   ///< who answered
    bool sent_before = false; ///< an earlier try went unanswered: it may have been done too, or be done later
};

template <class Response>
using CallResult = boost::system::result<Answer<Response>, CallError>;
template <class Response>
using Reply = MoveOnlyFunction<void(CallResult<Response>, TimePoint now)>;

/// Pending replies end with their scope: destroyed or reset, they are dropped, so no stale reply finds a dead machine.
class CallScope {
public:
    std::weak_ptr<const char> token() const { return token_; }
    void reset() { token_ = std::make_shared<const char>(); }

private:
    std::shared_ptr<const char> token_ = std::make_shared<const char>();
};

struct CallOptions {
    Duration timeout = std::chrono::seconds(60); ///< over all tries
    Lane lane = Lane::general;
    uint32_t client = 0;           ///< owner of the lane; lanes other than `general` are private to one client
    bool retry = true;             ///< try again after a lost connection or a retriable routing error
    int16_t max_version = 32767;   ///< a lower limit than the specs' own
    int16_t min_version = 0;
    bool expects_response = true;  ///< false: Produce with acks=0; the reply then comes at the socket write
    int32_t messages = 0;          ///< that the request carries, for statistics
    Duration request_timeout = Duration::zero(); ///< of one try; zero: the client's `socket.timeout.ms`
};

/// A call without its types: what the router queues, sends and retries.
struct PendingCall {
    struct RawAnswer {
        Buffer frame; ///< after the size prefix; empty when no response is expected
        int16_t version;
        int32_t node;
        bool sent_before = false;
    };
    enum class Judged { done, retry_route }; ///< retry_route: a routing error; refresh what was stale and try again
    using RawResult = boost::system::result<RawAnswer, CallError>;

    Route route;
    CallOptions options;
    msg::ApiKey api_key;
    int16_t min_version;
    int16_t max_version;
    MoveOnlyFunction<Result<wire::Pieces>(int16_t version, int32_t correlation_id, std::string_view client_id)> encode;
    /// Takes the result; may answer retry_route only while `may_retry`.
    MoveOnlyFunction<Judged(RawResult, TimePoint now, bool may_retry)> deliver;
    std::weak_ptr<const char> scope;
};

/// The only way from a core to a broker. Implemented by the router; in unit tests by a fake.
class Caller {
public:
    virtual ~Caller() = default;
    virtual void submit(PendingCall call) = 0;
    /// A broker wants to be left alone for so long by whoever sent this request (KIP-219).
    virtual void on_throttle(
        int32_t /*node*/, const CallOptions& /*options*/, msg::ApiKey /*api*/, int16_t /*version*/, int32_t /*time_ms*/, TimePoint /*now*/) {}
};

/// Sends `request` along `route`. `reply` is called exactly once, later, on the owning thread, unless `scope` has ended.
/// `routing_error`, when given, picks the error of a response that may mean "wrong broker" or "not yet": the router then
/// retries those that are retriable, within the time limit. `adapt`, when given, makes what is sent of the request once the
/// version is known.
template <class Request>
void call(
    Caller& caller,
    Route route,
    Request request,
    CallOptions options,
    const CallScope& scope,
    Reply<typename Request::Response> reply,
    Errc (*routing_error)(const typename Request::Response&) = nullptr,
    Request (*adapt)(const Request&, int16_t version) = nullptr) {
    using Response = typename Request::Response;
    PendingCall pending{
        .route = std::move(route),
        .options = options,
        .api_key = Request::api_key,
        .min_version = std::max(Request::min_version, options.min_version),
        .max_version = std::min(Request::max_version, options.max_version),
        .encode = [request = std::make_unique<Request>(std::move(request)), adapt](
                      int16_t version, int32_t correlation_id, std::string_view client_id) {
            return adapt ? wire::encode_request(adapt(*request, version), version, correlation_id, client_id)
                         : wire::encode_request(*request, version, correlation_id, client_id);
        },
        .deliver = [reply = std::move(reply), routing_error, &caller, options](
                       PendingCall::RawResult raw, TimePoint now, bool may_retry) mutable {
            if (!raw) {
                reply(std::move(raw).error(), now);
                return PendingCall::Judged::done;
            }
            Answer<Response> answer{.response = {}, .version = raw->version, .node = raw->node, .sent_before = raw->sent_before};
            if (!raw->frame.empty()) {
                if (Error error = wire::decode_response(answer.response, raw->version, raw->frame)) {
                    reply(CallError(std::move(error), true), now);
                    return PendingCall::Judged::done;
                }
                if constexpr (requires { answer.response.throttle_time_ms; })
                    if (answer.response.throttle_time_ms > 0)
                        caller.on_throttle(
                            answer.node, options, Request::api_key, answer.version, answer.response.throttle_time_ms, now);
                if (may_retry && routing_error && is_retriable(routing_error(answer.response)))
                    return PendingCall::Judged::retry_route;
            }
            reply(std::move(answer), now);
            return PendingCall::Judged::done;
        },
        .scope = scope.token(),
    };
    caller.submit(std::move(pending));
}

} // namespace ottla::core
