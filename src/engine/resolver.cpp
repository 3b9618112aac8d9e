#include "engine/resolver.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace ottla::engine {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

bool allowed(const asio::ip::address& address, int family) {
    return family == 0 || (family == 4 ? address.is_v4() : address.is_v6());
}

Result<Endpoints> pick(const std::string& host, const Endpoints& all, int family) {
    Endpoints picked;
    for (const auto& endpoint : all)
        if (allowed(endpoint.address(), family))
            picked.push_back(endpoint);
    if (picked.empty())
        return Error(
            Errc::_resolve,
            fmt::format("{} has no address{}", host, family ? fmt::format(" of family v{} (broker.address.family)", family) : ""));
    return picked;
}

Endpoints from_text(const std::vector<std::string>& addresses, uint16_t port) {
    Endpoints endpoints;
    for (const auto& text : addresses) {
        error_code ec;
        const auto address = asio::ip::make_address(text, ec);
        if (!ec)
            endpoints.emplace_back(address, port);
    }
    return endpoints;
}

} // namespace

void resolve(
    const asio::any_io_executor& executor,
    const EngineOptions& options,
    const std::string& host,
    uint16_t port,
    int family,
    std::function<void(Result<Endpoints>)> done) {
    error_code ec;
    const auto numeric = asio::ip::make_address(host, ec);
    if (!ec) {
        done(pick(host, {tcp::endpoint(numeric, port)}, family));
        return;
    }
    // RFC 6761: the name always means the loopback interface, no lookup needed.
    if (host == "localhost") {
        done(pick(
            host,
            {tcp::endpoint(asio::ip::address_v4::loopback(), port), tcp::endpoint(asio::ip::address_v6::loopback(), port)},
            family));
        return;
    }
    if (options.resolve) {
        auto look_up = [executor, f = options.resolve, host, port, family, done = std::move(done)] {
            Result<Endpoints> result = [&]() -> Result<Endpoints> {
                try {
                    return pick(host, from_text(f(host), port), family);
                } catch (const std::exception& e) {
                    return Error(Errc::_resolve, fmt::format("{}: the resolve function failed: {}", host, e.what()));
                }
            }();
            asio::dispatch(executor, [done, result = std::move(result)] { done(result); });
        };
        if (options.blocking_executor)
            asio::post(options.blocking_executor, std::move(look_up));
        else
            look_up();
        return;
    }
    const auto finish = [host, family, done](const error_code& error, const tcp::resolver::results_type& results) {
        if (error) {
            done(Error(Errc::_resolve, fmt::format("{}: {}", host, error.message())));
            return;
        }
        Endpoints all;
        for (const auto& entry : results)
            all.push_back(entry.endpoint());
        done(pick(host, all, family));
    };
    if (options.blocking_executor) {
        asio::post(options.blocking_executor, [executor, host, port, finish] {
            asio::io_context local;
            tcp::resolver resolver(local);
            error_code error;
            const auto results = resolver.resolve(host, std::to_string(port), tcp::resolver::numeric_service, error);
            asio::dispatch(executor, [finish, error, results] { finish(error, results); });
        });
        return;
    }
    auto resolver = std::make_shared<tcp::resolver>(executor);
    resolver->async_resolve(
        host, std::to_string(port), tcp::resolver::numeric_service, [resolver, finish](const error_code& error, const auto& results) {
            finish(error, results);
        });
}

} // namespace ottla::engine
