// What the consumer's group has committed: asked on the loop, waited for here.
#include <future>

#include "client/certain_reply.hpp"
#include "client/consumer_impl.hpp"
#include "engine/complete.hpp"

namespace ottla::client {
void ConsumerImpl::ask_committed(std::vector<TopicPartition> partitions, Duration limit, core::CommittedReply reply) {
    const auto& config = driver_->config();
    core::CommittedQuery query{
        .group = config.group_id,
        .partitions = std::move(partitions),
        .stable = config.isolation == config::Isolation::read_committed,
        .timeout = limit,
    };
    CertainReply<Result<std::vector<CommittedOffset>>, TimePoint> pending(
        std::move(reply), Error(Errc::_destroy, "the consumer was closed during the call"), TimePoint()
    );
    if (query.group.empty()) {
        pending(Error(Errc::_unknown_group, "committed offsets are those of a group: set group.id"), {});
        return;
    }
    if (query.partitions.empty()) {
        pending(std::vector<CommittedOffset>(), {});
        return;
    }
    driver_->loop()->post([driver = driver_, query = std::move(query), pending = std::move(pending)](TimePoint) mutable {
        if (!driver->running())
            return;
        query.metadata = &driver->cluster().metadata();
        core::query_committed(driver->cluster().caller(), std::move(query), driver->queries(), std::move(pending));
    });
}

std::vector<CommittedOffset>
ConsumerImpl::committed(std::vector<TopicPartition> partitions, std::chrono::milliseconds timeout) {
    if (Error error = engine::check_may_block(*driver_->loop()))
        throw KafkaException(std::move(error));
    {
        std::lock_guard lock(use_);
        check_open();
    }
    auto promise = std::make_shared<std::promise<Result<std::vector<CommittedOffset>>>>();
    auto answer = promise->get_future();
    ask_committed(std::move(partitions), time_limit(timeout), [promise](auto result, TimePoint) { promise->set_value(std::move(result)); });
    promise.reset();
    return answer.get().value();
}

void ConsumerImpl::start_committed(
    std::vector<TopicPartition> partitions, Handler<std::vector<CommittedOffset>> handler
) {
    error_code ec;
    {
        std::lock_guard lock(use_);
        if (closed_)
            ec = make_error_code(Errc::_state);
    }
    if (ec) {
        engine::complete(*driver_->loop(), std::move(handler), ec, std::vector<CommittedOffset>());
        return;
    }
    ask_committed(
        std::move(partitions),
        driver_->config().socket_timeout,
        [loop = driver_->loop(), handler = std::move(handler)](Result<std::vector<CommittedOffset>> answer, TimePoint) mutable {
            const error_code code = answer ? error_code() : answer.error().code;
            engine::complete(
                *loop, std::move(handler), code, answer ? std::move(*answer) : std::vector<CommittedOffset>()
            );
        }
    );
}

ConsumerGroupMetadata ConsumerImpl::group_metadata() const {
    check_group("this consumer is in no group");
    core::Committer who = driver_->committer();
    return {driver_->config().group_id, who.generation, std::move(who.member), std::move(who.instance)};
}

} // namespace ottla::client
