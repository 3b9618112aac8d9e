// A network of scripted links for tests of connection, router and metadata: the test is the broker.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include <ottla/buffer.hpp>

#include "base/endian.hpp"
#include "core/net/link.hpp"
#include "wire/frame.hpp"

namespace ottla::test {

struct FakeLink;

/// Remembers every link that was opened and is not yet destroyed, in order.
class FakeNetwork final : public core::LinkFactory {
public:
    std::unique_ptr<core::Link> open(const std::string& host, uint16_t port, core::LinkUser& user) override;

    std::vector<FakeLink*> links;
    int opened = 0;
};

/// What a request looked like on the wire.
struct SeenRequest {
    wire::RequestHead head;

    msg::ApiKey api() const { return static_cast<msg::ApiKey>(head.api_key); }
    template <class Request>
    Request as() const {
        Request request;
        if (Error error = wire::decode(request, head.version, head.body))
            throw std::runtime_error(error.message());
        return request;
    }
};

struct FakeLink final : core::Link {
    FakeLink(FakeNetwork& n, std::string h, uint16_t p, core::LinkUser& u) : network(n), host(std::move(h)), port(p), user(&u) {}
    ~FakeLink() override { std::erase(network.links, this); }
    void flush() override { flushed = true; }
    std::string peer() const override { return host + ":" + std::to_string(port); }

    /// Takes what the connection wants to write and returns the requests that are whole by now.
    std::vector<SeenRequest> requests(TimePoint now) {
        iovec pieces[64];
        for (size_t count; (count = user->gather(pieces)) > 0;) {
            size_t size = 0;
            for (size_t i = 0; i < count; ++i) {
                const auto* bytes = static_cast<const uint8_t*>(pieces[i].iov_base);
                written.insert(written.end(), bytes, bytes + pieces[i].iov_len);
                size += pieces[i].iov_len;
            }
            user->on_written(size, now);
        }
        std::vector<SeenRequest> seen;
        while (written.size() >= 4) {
            const auto size = static_cast<size_t>(load_be<int32_t>(written.data()));
            if (written.size() < 4 + size)
                break;
            SeenRequest request;
            if (Error error = wire::decode_request_head(request.head, Buffer::copy_of({written.data() + 4, size})))
                throw std::runtime_error(error.message());
            seen.push_back(std::move(request));
            written.erase(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(4 + size));
        }
        return seen;
    }

    void feed(std::span<const uint8_t> bytes, TimePoint now) {
        while (!bytes.empty() && alive()) {
            const auto space = user->read_space();
            const size_t size = std::min(space.size(), bytes.size());
            std::memcpy(space.data(), bytes.data(), size);
            bytes = bytes.subspan(size);
            user->on_read(size, now);
        }
    }

    template <class Response>
    void answer(const SeenRequest& request, const Response& response, TimePoint now) {
        const auto frame = wire::encode_response(response, request.head.version, request.head.correlation_id);
        if (!frame)
            throw std::runtime_error(frame.error().message());
        const Buffer bytes = frame->flatten();
        feed(bytes.span(), now);
    }

    bool alive() const {
        return std::find(network_links().begin(), network_links().end(), this) != network_links().end();
    }
    const std::vector<FakeLink*>& network_links() const { return network.links; }

    FakeNetwork& network;
    const std::string host;
    const uint16_t port;
    core::LinkUser* user;
    bool flushed = false;
    // For the test's own use: a broker answers a connection in order.
    bool opened = false;
    std::deque<SeenRequest> backlog;
    std::vector<uint8_t> written;
};

inline std::unique_ptr<core::Link> FakeNetwork::open(const std::string& host, uint16_t port, core::LinkUser& user) {
    auto link = std::make_unique<FakeLink>(*this, host, port, user);
    links.push_back(link.get());
    ++opened;
    return link;
}

} // namespace ottla::test
