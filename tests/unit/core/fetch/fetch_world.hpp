// A fetcher in virtual time with real metadata and a scripted cluster behind a fake Caller.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ottla/msg/fetch.hpp>
#include <ottla/msg/list_offsets.hpp>
#include <ottla/msg/metadata.hpp>

#include "base/endian.hpp"
#include "core/fetch/fetcher.hpp"
#include "wire/frame.hpp"

namespace ottla::test {

using namespace std::chrono_literals;

/// A batch of format v2 as far as its header goes: `count` records from `base` on.
inline std::vector<uint8_t> batch(int64_t base, int32_t count, size_t payload = 100) {
    std::vector<uint8_t> bytes(61 + payload);
    store_be<int64_t>(bytes.data(), base);
    store_be<int32_t>(bytes.data() + 8, static_cast<int32_t>(bytes.size() - 12));
    bytes[16] = 2;
    store_be<int32_t>(bytes.data() + 23, count - 1);
    store_be<int32_t>(bytes.data() + 57, count);
    return bytes;
}

struct FakeCaller final : core::Caller {
    void submit(core::PendingCall call) override { calls.push_back(std::move(call)); }

    /// What the oldest waiting call of this API would look like on the wire, and the call itself, taken out.
    template <class Request>
    std::optional<std::pair<Request, core::PendingCall>> take() {
        for (auto it = calls.begin(); it != calls.end(); ++it) {
            if (it->api_key != Request::api_key || it->scope.expired())
                continue;
            std::pair<Request, core::PendingCall> found(Request{}, std::move(*it));
            calls.erase(it);
            if (auto request = read<Request>(found.second)) {
                found.first = std::move(*request);
                return found;
            }
            return std::nullopt;
        }
        return std::nullopt;
    }

    template <class Request>
    size_t waiting() const {
        size_t n = 0;
        for (const auto& call : calls)
            n += call.api_key == Request::api_key && !call.scope.expired();
        return n;
    }

    int16_t version_of(const core::PendingCall& call) const {
        const auto limit = limits.find(call.api_key);
        return std::min(call.max_version, limit == limits.end() ? int16_t{32767} : limit->second);
    }

    template <class Request>
    std::optional<Request> read(core::PendingCall& call) const {
        const int16_t version = version_of(call);
        auto pieces = call.encode(version, 1, "test");
        if (!pieces) { // as the router does with what a version cannot carry
            call.deliver(core::CallError(pieces.error()), TimePoint(), false);
            return std::nullopt;
        }
        const Buffer bytes = pieces->flatten();
        wire::RequestHead head;
        if (Error error = wire::decode_request_head(head, bytes.slice(4, bytes.size() - 4)))
            throw std::runtime_error(error.message());
        Request request;
        if (Error error = wire::decode(request, version, head.body))
            throw std::runtime_error(error.message());
        return request;
    }

    template <class Response>
    core::PendingCall::Judged answer(
        core::PendingCall& call, const Response& response, TimePoint now, bool sent_before = false, bool may_retry = false
    ) {
        if (call.scope.expired())
            return core::PendingCall::Judged::done;
        const int16_t version = version_of(call);
        auto pieces = wire::encode_response(response, version, 1);
        if (!pieces)
            throw std::runtime_error(pieces.error().message());
        const Buffer bytes = pieces->flatten();
        return call.deliver(
            core::PendingCall::RawAnswer{bytes.slice(4, bytes.size() - 4), version, node_of(call), sent_before}, now, may_retry
        );
    }

    static int32_t node_of(const core::PendingCall& call) {
        const auto* node = std::get_if<core::Node>(&call.route);
        return node ? node->id : 1;
    }

    std::deque<core::PendingCall> calls;
    std::map<msg::ApiKey, int16_t> limits; ///< highest version that brokers speak
};

struct FakeSink final : core::FetchSink {
    void deliver(core::FetchEvent event) override { events.push_back(std::move(event)); }

    void on_watermarks(core::StreamId stream, int64_t low, int64_t high) override {
        watermarks[stream] = {low, high};
    }

    void take_credits(std::vector<core::Credit>& into, Wake wake) override {
        into.insert(into.end(), credits.begin(), credits.end());
        if (credits.empty() && wake == Wake::on_next_credit)
            armed = true;
        credits.clear();
    }

    /// What happened since the last call, one line each: "1:slice 0-10", "1:end 10", "1:error
    /// OFFSET_OUT_OF_RANGE at 5".
    std::vector<std::string> take() {
        std::vector<std::string> lines;
        for (const auto& event : events) {
            std::string line = std::to_string(event.stream) + ":";
            if (const auto* slice = std::get_if<core::FetchedSlice>(&event.what))
                line += "slice " + std::to_string(slice->from) + "-" + std::to_string(slice->next);
            else if (const auto* end = std::get_if<core::EndOfPartition>(&event.what))
                line += "end " + std::to_string(end->offset);
            else if (const auto* failure = std::get_if<core::PartitionFailure>(&event.what))
                line +=
                    "error " + error_name(failure->error.errc()) + " at " + std::to_string(failure->offset);
            lines.push_back(std::move(line));
        }
        events.clear();
        return lines;
    }

    std::vector<core::FetchEvent> events;
    std::map<core::StreamId, std::pair<int64_t, int64_t>> watermarks;
    std::vector<core::Credit> credits;
    bool armed = false;
};

/// Brokers 1 and 2; topic "t" with partitions whose leaders the test sets.
struct FetchWorld {
    explicit FetchWorld(config::ClientConfig c = {})
        : config(std::move(c)) {
        metadata.emplace(caller, core::MetadataConfig{}, 7);
        fetcher.emplace(caller, *metadata, sink, config, 3, 7);
        scheduler.add(*metadata);
        scheduler.add(*fetcher);
    }

    void run() {
        for (int i = 0; i < 10; ++i) {
            next = scheduler.run(now);
            auto asked = caller.take<msg::MetadataRequest>();
            if (!asked)
                return;
            ++metadata_requests;
            caller.answer(asked->second, cluster(asked->first), now);
        }
    }

    void advance(Duration by) {
        now += by;
        run();
    }

    msg::MetadataResponse cluster(const msg::MetadataRequest& request) const {
        msg::MetadataResponse response;
        for (int32_t id : {1, 2}) {
            auto& broker = response.brokers.emplace_back();
            broker.node_id = id;
            broker.host = "b" + std::to_string(id);
            broker.port = 9092;
        }
        for (const auto& asked : *request.topics) {
            auto& topic = response.topics.emplace_back();
            topic.name = asked.name;
            topic.topic_id = topic_id;
            topic.error_code = static_cast<int16_t>(topic_error);
            if (topic_error != Errc::no_error)
                continue;
            for (size_t i = 0; i < leaders.size(); ++i) {
                auto& partition = topic.partitions.emplace_back();
                partition.partition_index = static_cast<int32_t>(i);
                partition.leader_id = leaders[i];
                partition.leader_epoch = epoch;
                if (leaders[i] < 0)
                    partition.error_code = static_cast<int16_t>(Errc::leader_not_available);
            }
        }
        return response;
    }

    void add(core::StreamId stream, int32_t partition, int64_t offset) {
        fetcher->add({.where = {"t", partition}, .stream = stream, .offset = offset}, now);
        run();
    }

    /// Answers the waiting ListOffsets request: `offset` for everything asked, or `error`.
    std::vector<int64_t> answer_offsets(int64_t offset, Errc error = Errc::no_error) {
        auto asked = caller.take<msg::ListOffsetsRequest>();
        if (!asked)
            return {};
        std::vector<int64_t> timestamps;
        msg::ListOffsetsResponse response;
        for (const auto& topic : asked->first.topics) {
            auto& out = response.topics.emplace_back();
            out.name = topic.name;
            for (const auto& partition : topic.partitions) {
                timestamps.push_back(partition.timestamp);
                auto& line = out.partitions.emplace_back();
                line.partition_index = partition.partition_index;
                line.error_code = static_cast<int16_t>(error);
                if (caller.version_of(asked->second) == 0)
                    line.old_style_offsets = {offset};
                else
                    line.offset = offset;
            }
        }
        caller.answer(asked->second, response, now);
        run();
        return timestamps;
    }

    struct Fetch {
        msg::FetchRequest request;
        core::PendingCall call;

        int32_t node() const { return FakeCaller::node_of(call); }

        /// "p@offset" for each partition asked, in order.
        std::vector<std::string> asked() const {
            std::vector<std::string> lines;
            for (const auto& topic : request.topics)
                for (const auto& partition : topic.partitions)
                    lines.push_back(
                        std::to_string(partition.partition) + "@" + std::to_string(partition.fetch_offset)
                    );
            return lines;
        }
    };

    std::optional<Fetch> take_fetch() {
        auto taken = caller.take<msg::FetchRequest>();
        if (!taken)
            return std::nullopt;
        return Fetch{std::move(taken->first), std::move(taken->second)};
    }

    /// An answer with one line for each partition asked, without records.
    msg::FetchResponse empty_answer(const Fetch& fetch, int64_t high_watermark = 1'000'000) const {
        msg::FetchResponse response;
        for (const auto& topic : fetch.request.topics) {
            auto& out = response.responses.emplace_back();
            out.topic = topic.topic;
            out.topic_id = topic.topic_id;
            for (const auto& partition : topic.partitions) {
                auto& line = out.partitions.emplace_back();
                line.partition_index = partition.partition;
                line.high_watermark = high_watermark;
                line.last_stable_offset = high_watermark;
                line.log_start_offset = 0;
            }
        }
        return response;
    }

    static msg::fetch_response::PartitionData& line(msg::FetchResponse& response, size_t index = 0) {
        return response.responses.at(0).partitions.at(index);
    }

    void answer(Fetch& fetch, const msg::FetchResponse& response) {
        caller.answer(fetch.call, response, now);
        run();
    }

    void answer_records(Fetch& fetch, int64_t base, int32_t count, int64_t high_watermark = 1'000'000) {
        auto response = empty_answer(fetch, high_watermark);
        line(response).records.pieces = {Buffer::copy_of(batch(base, count))};
        answer(fetch, response);
    }

    void answer_error(Fetch& fetch, Errc error) {
        auto response = empty_answer(fetch);
        line(response).error_code = static_cast<int16_t>(error);
        answer(fetch, response);
    }

    void lose(core::PendingCall& call) {
        if (!call.scope.expired())
            call.deliver(core::CallError(Error(Errc::_transport, "gone"), true), now, false);
        run();
    }

    FakeCaller caller;
    FakeSink sink;
    config::ClientConfig config;
    core::Scheduler scheduler;
    std::optional<core::Metadata> metadata;
    std::optional<core::Fetcher> fetcher;
    TimePoint now{std::chrono::hours(1)};
    TimePoint next = core::never;

    std::vector<int32_t> leaders{1, 1, 2};
    int32_t epoch = 5;
    Uuid topic_id{{1, 2, 3}};
    Errc topic_error = Errc::no_error;
    int metadata_requests = 0;
};

} // namespace ottla::test
