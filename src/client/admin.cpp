// The AdminClient handle: each operation blocking (a future with a deadline) or with a completion token.
#include <ottla/admin.hpp>

#include <future>

#include "base/fork.hpp"
#include "client/admin_impl.hpp"
#include "engine/complete.hpp"

namespace ottla {
namespace {

using client::AdminImpl;
using client::Done;

// The time limit lies in the operation itself; what is added here only covers a loop that is slow to say so.
constexpr std::chrono::seconds grace{5};

template <class T, class Start>
T wait(AdminImpl& impl, std::chrono::milliseconds timeout, Start start) {
    if (const Error error = engine::check_may_block(*impl.loop()))
        throw KafkaException(error);
    auto promise = std::make_shared<std::promise<std::pair<Error, T>>>();
    auto future = promise->get_future();
    const Duration limit = timeout.count() < 0 ? impl.default_timeout() : Duration(timeout);
    start(limit, Done<T>([promise](Error error, T value) { promise->set_value({std::move(error), std::move(value)}); }));
    if (future.wait_for(limit + grace) != std::future_status::ready)
        throw KafkaException(Error(Errc::_timed_out, "the event loop did not answer in time"));
    auto [error, value] = future.get();
    if (error)
        throw KafkaException(std::move(error));
    return std::move(value);
}

template <class T>
Done<T> completing(const std::shared_ptr<AdminImpl>& impl, Handler<T> handler) {
    return [loop = impl->loop(), handler = std::move(handler)](const Error& error, T value) mutable {
        engine::complete(*loop, std::move(handler), error.code, std::move(value));
    };
}

/// In a forked child the handler hears of it; else it is left as it is.
template <class T>
bool refused_in_child(const std::shared_ptr<AdminImpl>& impl, Handler<T>& handler) {
    const Error in_child = engine::check_fork(*impl->loop());
    if (in_child)
        engine::complete(*impl->loop(), std::move(handler), in_child.code, T());
    return static_cast<bool>(in_child);
}

} // namespace

AdminClient::AdminClient(const Config& config, AdminOptions options) : AdminClient(config, Engine(), std::move(options)) {}

AdminClient::AdminClient(const Config& config, Engine engine, AdminOptions options) {
    engine::refuse_in_child(*engine.loop());
    std::vector<std::string> warnings;
    auto parsed = config::parse(config, config::Role::admin, &warnings);
    if (!parsed)
        throw KafkaException(parsed.error());
    impl_ = std::make_shared<AdminImpl>(engine.loop(), std::move(*parsed), std::move(options.on_log));
    impl_->events().on_created(config, ClientKind::admin, warnings);
    impl_->start();
}

AdminClient::AdminClient(AdminClient&&) noexcept = default;

AdminClient& AdminClient::operator=(AdminClient&& other) noexcept {
    if (this != &other) {
        const AdminClient old(std::move(*this));
        impl_ = std::move(other.impl_);
    }
    return *this;
}

AdminClient::~AdminClient() {
    if (impl_ && impl_->loop()->forked())
        keep_for_ever(std::move(impl_)); // the parent has it still
    else if (impl_)
        impl_->end();
}

ClusterDescription AdminClient::list_topics(const std::optional<std::string>& topic, std::chrono::milliseconds timeout) {
    return wait<ClusterDescription>(*impl_, timeout, [&](Duration limit, Done<ClusterDescription> done) {
        impl_->list(topic, limit, std::move(done));
    });
}

TopicResults AdminClient::create_topics(const std::vector<NewTopic>& topics, std::chrono::milliseconds timeout) {
    return wait<TopicResults>(
        *impl_, timeout, [&](Duration limit, Done<TopicResults> done) { impl_->create(topics, limit, std::move(done)); });
}

TopicResults AdminClient::delete_topics(const std::vector<std::string>& topics, std::chrono::milliseconds timeout) {
    return wait<TopicResults>(
        *impl_, timeout, [&](Duration limit, Done<TopicResults> done) { impl_->remove(topics, limit, std::move(done)); });
}

void AdminClient::start_list(const Impl& impl, std::optional<std::string> topic, Handler<ClusterDescription> handler) {
    if (!refused_in_child(impl, handler))
        impl->list(std::move(topic), impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_create(const Impl& impl, std::vector<NewTopic> topics, Handler<TopicResults> handler) {
    if (!refused_in_child(impl, handler))
        impl->create(std::move(topics), impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_delete(const Impl& impl, std::vector<std::string> topics, Handler<TopicResults> handler) {
    if (!refused_in_child(impl, handler))
        impl->remove(std::move(topics), impl->default_timeout(), completing(impl, std::move(handler)));
}

} // namespace ottla
