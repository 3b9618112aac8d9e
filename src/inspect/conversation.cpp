// Conversation: heads, bodies, and which response belongs to which request.
#include <array>
#include <map>

#include <fmt/format.h>
#include <ottla/inspect.hpp>
#include <ottla/msg/produce.hpp>

#include "base/endian.hpp"
#include "inspect/framer.hpp"
#include "inspect/likeness.hpp"
#include "inspect/object.hpp"
#include "inspect/records_text.hpp"
#include "wire/any_message.hpp"
#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/table.hpp"

namespace ottla {
namespace {

using inspect::Frame;
using inspect::Object;
using msg::ApiKey;
using wire::AnyMessage;
using wire::Direction;

constexpr size_t most_unanswered = 10'000;
/// When the beginning of a frame is searched for, a smaller one is believed only if all of it can be read.
constexpr size_t largest_proven = size_t{64} << 10;
constexpr size_t shown_of_unread = 60;

struct Asked {
    int16_t api_key;
    int16_t version;
};

/// What became of the body of a frame. One with damaged records has both a body and a problem.
struct Outcome {
    std::string problem{};
    bool has_body = false;
};

std::string unknown_version(int16_t api_key, int16_t version) {
    const msg::ApiInfo* const api = msg::find_api(api_key);
    if (!api)
        return fmt::format("API {} is unknown", api_key);
    return fmt::format(
        "{} v{}: versions {} to {} are known", api->name, version, api->min_version, api->max_version
    );
}

bool is_known(int16_t api_key, int16_t version) {
    const msg::ApiInfo* const api = msg::find_api(api_key);
    return api && version >= api->min_version && version <= api->max_version;
}

bool has_client_id(const wire::RequestHead& head) {
    return is_known(head.api_key, head.version) &&
           msg::request_header_version(static_cast<ApiKey>(head.api_key), head.version) >= 1;
}

/// A broker that does not know the version of an ApiVersions request answers in version 0 (KIP-511).
int16_t version_of_response(Asked asked, const Buffer& frame) {
    const bool refused =
        asked.api_key == static_cast<int16_t>(ApiKey::api_versions) && frame.size() >= 6 &&
        load_be<int16_t>(frame.data() + 4) == static_cast<int16_t>(Errc::unsupported_version);
    return refused ? int16_t{0} : asked.version;
}

} // namespace

struct Conversation::Impl final : inspect::FrameHandler {
    Impl(ConversationOptions conversation_options, Sink frame_sink)
        : options(conversation_options)
        , sink(std::move(frame_sink))
        , records(options.expand_records)
        , framers{{{Sender::client, options.max_frame}, {Sender::broker, options.max_frame}}} {}

    size_t least_size(Sender sender) const override {
        if (sasl_tokens || unanswered_tokens)
            return 0;
        return sender == Sender::client ? inspect::smallest_request : inspect::smallest_response;
    }

    Likeness may_begin(Sender sender, size_t size, Bytes bytes, bool all_there_is) const override {
        Likeness like =
            sender == Sender::client ? inspect::like_request(size, bytes) : like_response(size, bytes);
        if (like == Likeness::yes && size <= largest_proven) {
            if (bytes.size() >= size)
                like = can_be_read(sender, Buffer::copy_of(Bytes(bytes.data(), size))) ? Likeness::yes
                                                                                       : Likeness::no;
            else if (!all_there_is)
                like = Likeness::too_short;
        }
        return like == Likeness::too_short && all_there_is ? Likeness::no : like;
    }

    Likeness like_response(size_t size, Bytes bytes) const {
        if (size < inspect::smallest_response)
            return Likeness::no;
        if (bytes.size() < inspect::smallest_response)
            return Likeness::too_short;
        return asked.contains(load_be<int32_t>(bytes.data())) ? Likeness::yes : Likeness::no;
    }

    bool can_be_read(Sender sender, const Buffer& frame) const {
        if (sender == Sender::client) {
            wire::RequestHead head;
            if (wire::decode_request_head(head, frame))
                return false;
            const auto* const info = msg::find_message(static_cast<ApiKey>(head.api_key), Direction::request);
            AnyMessage message(*info);
            return !wire::decode(*info, message.get(), head.version, head.body);
        }
        const Asked of = asked.find(load_be<int32_t>(frame.data()))->second;
        if (!is_known(of.api_key, of.version))
            return true;
        const auto* const info = msg::find_message(static_cast<ApiKey>(of.api_key), Direction::response);
        AnyMessage message(*info);
        return !wire::decode_response(*info, message.get(), version_of_response(of, frame), frame);
    }

    void on_frame(Sender sender, const Frame& frame) override {
        sender == Sender::client ? on_request(frame) : on_response(frame);
    }

    void on_gap(Sender sender, uint64_t position, uint64_t passed, uint64_t missing) override {
        std::string error;
        if (missing)
            error = fmt::format("{} bytes are missing", missing);
        if (passed)
            error += fmt::format("{}{} bytes are no whole frame", missing ? ", " : "", passed);
        Object object(sender);
        object.number("bytes", passed + missing);
        object.text("error", error);
        tell({.sender = sender, .position = position, .error = error}, object);
    }

    void on_off(Sender sender, uint64_t position, Bytes first) override {
        const auto size = load_be<int32_t>(first.data());
        const std::string error = fmt::format(
            "a {} of {} bytes cannot be: {}",
            sender == Sender::client ? "request" : "response",
            size,
            inspect::likeness_of(first)
        );
        Object object(sender);
        object.text("error", error);
        object.text("hex", inspect::hex_of(first, first.size()));
        tell({.sender = sender, .position = position, .error = error}, object);
    }

    void on_request(const Frame& frame) {
        if (sasl_tokens) {
            const Likeness like = inspect::like_request(frame.size, frame.bytes);
            if (like != Likeness::yes) {
                ++unanswered_tokens;
                return tell_token(Sender::client, frame);
            }
            sasl_tokens = false;
        }
        wire::RequestHead head;
        Error error = wire::decode_request_head(head, frame.bytes);
        const bool has_ids =
            frame.bytes.size() >= inspect::smallest_request; // read even if the rest is no head
        Object object(Sender::client);
        if (has_ids)
            put_ids(object, head.api_key, head.version, head.correlation_id);
        if (has_ids && head.client_id)
            object.text("client_id", *head.client_id);
        else if (!error && has_client_id(head))
            object.raw("client_id") += "null";
        object.number("bytes", uint64_t{inspect::prefix_size + frame.size});

        bool is_answered = true;
        Outcome outcome;
        if (frame.missing)
            outcome.problem = missing_of(frame);
        else if (error)
            outcome.problem = error.message();
        else if (!is_known(head.api_key, head.version))
            outcome.problem = unknown_version(head.api_key, head.version);
        else
            outcome = put_request_body(object, head, is_answered);
        if (has_ids && is_answered)
            expect_answer(head);
        if (head.api_key == static_cast<int16_t>(ApiKey::sasl_handshake) && head.version == 0)
            sasl_tokens = true;
        finish(
            {.sender = Sender::client,
             .api_key = has_ids ? head.api_key : int16_t{-1},
             .position = frame.position},
            object,
            outcome,
            frame
        );
    }

    Outcome put_request_body(Object& object, const wire::RequestHead& head, bool& is_answered) {
        const auto* const info = msg::find_message(static_cast<ApiKey>(head.api_key), Direction::request);
        AnyMessage message(*info);
        if (const Error error = wire::decode(*info, message.get(), head.version, head.body))
            return {.problem = error.message()};
        if (head.api_key == static_cast<int16_t>(ApiKey::produce))
            is_answered = static_cast<const msg::ProduceRequest*>(message.get())->acks != 0;
        return put_body(object, *info, message.get(), head.version);
    }

    void expect_answer(const wire::RequestHead& head) {
        asked.emplace(head.correlation_id, Asked{head.api_key, head.version});
        if (asked.size() > most_unanswered)
            asked.erase(asked.begin()); // ids ascend: about the oldest
    }

    void on_response(const Frame& frame) {
        std::optional<int32_t> id;
        if (frame.bytes.size() >= inspect::smallest_response)
            id = load_be<int32_t>(frame.bytes.data());
        const auto found = id ? asked.find(*id) : asked.end();
        if (found == asked.end() && unanswered_tokens) {
            --unanswered_tokens;
            return tell_token(Sender::broker, frame);
        }
        std::optional<Asked> of;
        if (found != asked.end()) {
            of = found->second;
            asked.erase(found);
        } else if (id && options.response_api_key >= 0) {
            of = Asked{options.response_api_key, options.response_version};
        }
        if (of)
            of->version = version_of_response(*of, frame.bytes);
        Object object(Sender::broker);
        if (of)
            put_ids(object, of->api_key, of->version, *id);
        else if (id)
            object.number("correlation_id", int64_t{*id});
        object.number("bytes", uint64_t{inspect::prefix_size + frame.size});

        Outcome outcome;
        if (frame.missing)
            outcome.problem = missing_of(frame);
        else if (!of)
            outcome.problem =
                fmt::format("it answers no request that was seen (correlation id {})", id.value_or(0));
        else if (!is_known(of->api_key, of->version))
            outcome.problem = unknown_version(of->api_key, of->version);
        else
            outcome = put_response_body(object, *of, frame.bytes);
        finish(
            {.sender = Sender::broker, .api_key = of ? of->api_key : int16_t{-1}, .position = frame.position},
            object,
            outcome,
            frame
        );
    }

    Outcome put_response_body(Object& object, Asked of, const Buffer& frame) {
        const auto* const info = msg::find_message(static_cast<ApiKey>(of.api_key), Direction::response);
        AnyMessage message(*info);
        if (const Error error = wire::decode_response(*info, message.get(), of.version, frame))
            return {.problem = error.message()};
        return put_body(object, *info, message.get(), of.version);
    }

    Outcome put_body(Object& object, const wire::MessageInfo& info, const void* message, int16_t version) {
        // A piece of a snapshot need not begin with a batch.
        const bool is_piece = info.api_key == static_cast<int16_t>(ApiKey::fetch_snapshot);
        object.raw("body") +=
            wire::to_json(info, message, version, [&](std::string& out, const wire::Records& set) {
                const Buffer bytes = wire::Pieces(set.pieces).flatten();
                if (is_piece)
                    fmt::format_to(std::back_inserter(out), "{{\"bytes\":{}}}", bytes.size());
                else
                    records.append(out, bytes);
            });
        return {.problem = records.take_problem(), .has_body = true};
    }

    static void put_ids(Object& object, int16_t api_key, int16_t version, int32_t correlation_id) {
        if (const auto name = api_name(api_key); !name.empty())
            object.text("api", name);
        object.number("api_key", int64_t{api_key});
        object.number("version", int64_t{version});
        object.number("correlation_id", int64_t{correlation_id});
    }

    static std::string missing_of(const Frame& frame) {
        return fmt::format(
            "{} of its {} bytes are missing", frame.missing, inspect::prefix_size + frame.size
        );
    }

    /// A token can be a password: only its size is told.
    void tell_token(Sender sender, const Frame& frame) {
        Object object(sender);
        object.text("api", "SASL token");
        object.number("bytes", uint64_t{inspect::prefix_size + frame.size});
        const std::string error = frame.missing ? missing_of(frame) : "";
        if (!error.empty())
            object.text("error", error);
        tell({.sender = sender, .position = frame.position, .error = error}, object);
    }

    void finish(SeenFrame seen, Object& object, const Outcome& outcome, const Frame& frame) {
        if (!outcome.problem.empty())
            object.text("error", outcome.problem);
        if (!outcome.has_body) {
            uint8_t size[inspect::prefix_size];
            store_be(size, static_cast<int32_t>(frame.size));
            object.text(
                "hex",
                inspect::hex_of(Bytes(size, sizeof size), sizeof size) +
                    inspect::hex_of(frame.bytes, shown_of_unread)
            );
        }
        seen.error = outcome.problem;
        tell(seen, object);
    }

    void tell(SeenFrame seen, Object& object) {
        const std::string json = object.take();
        seen.json = json;
        sink(seen);
    }

    const ConversationOptions options;
    const Sink sink;
    inspect::RecordsText records;
    std::array<inspect::Framer, 2> framers;
    std::multimap<int32_t, Asked> asked; ///< by correlation id; equal ones in the order they came
    bool sasl_tokens = false;            ///< a SaslHandshake v0 was seen, and no request since
    uint64_t unanswered_tokens = 0;

    inspect::Framer& framer(Sender sender) { return framers[static_cast<size_t>(sender)]; }
};

Conversation::Conversation(ConversationOptions options, Sink sink)
    : impl_(std::make_unique<Impl>(options, std::move(sink))) {
}

Conversation::~Conversation() = default;
Conversation::Conversation(Conversation&&) noexcept = default;
Conversation& Conversation::operator=(Conversation&&) noexcept = default;

void Conversation::feed(Sender sender, Bytes bytes) {
    impl_->framer(sender).feed(bytes, *impl_);
}

void Conversation::lose(Sender sender, uint64_t count) {
    impl_->framer(sender).lose(count, *impl_);
}

void Conversation::join() {
    for (auto& framer : impl_->framers)
        framer.join();
}

void Conversation::end() {
    for (auto& framer : impl_->framers)
        framer.end(*impl_);
}

bool Conversation::is_off(Sender sender) const {
    return impl_->framer(sender).is_off();
}

} // namespace ottla
