// The AdminClient handle, and its operations with topics. Those with groups are in admin_groups.cpp.
#include <ottla/admin.hpp>

#include "base/fork.hpp"
#include "client/admin_calls.hpp"

namespace ottla {

using client::AdminImpl;
using client::completing;
using client::Done;
using client::refused_in_child;
using client::wait;

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
