// Commits of a consumer: collected here, done in order on the loop.
#include <algorithm>
#include <fmt/format.h>
#include <future>

#include "client/consumer_impl.hpp"
#include "engine/complete.hpp"

namespace ottla::client {
namespace {

constexpr const char* for_commits = "offsets are committed in the name of a group";

Error nothing_to_commit() { return Error(Errc::_no_offset, "there is no offset to commit"); }

void leave_out_logical(std::vector<CommittedOffset>& offsets) {
    std::erase_if(offsets, [](const CommittedOffset& offset) { return offset.offset < 0; });
}

} // namespace

void ConsumerImpl::check_group(const char* why) const {
    if (driver_->config().group_id.empty())
        throw KafkaException(Error(Errc::_unknown_group, fmt::format("{}: set group.id", why)));
}

std::vector<CommittedOffset> ConsumerImpl::stored() {
    check_group(for_commits);
    finish_records(); // whoever commits has worked off what was handed out
    return driver_->stored().uncommitted();
}

std::vector<CommittedOffset> ConsumerImpl::commit(std::vector<CommittedOffset> offsets) {
    check_group(for_commits);
    if (Error error = engine::check_may_block(*driver_->loop()))
        throw KafkaException(std::move(error));
    {
        std::lock_guard lock(use_);
        check_open();
    }
    check_fatal();
    leave_out_logical(offsets);
    if (offsets.empty())
        throw KafkaException(nothing_to_commit());
    auto promise = std::make_shared<std::promise<std::pair<Error, std::vector<CommittedOffset>>>>();
    auto answer = promise->get_future();
    post([driver = driver_, offsets = std::move(offsets), promise = std::move(promise)](TimePoint) mutable {
        driver->commit(std::move(offsets), [promise = std::move(promise)](const Error& error, std::vector<CommittedOffset> rows) {
            promise->set_value({error, std::move(rows)});
        });
    });
    try {
        auto [error, rows] = answer.get();
        if (error)
            throw KafkaException(std::move(error));
        return std::move(rows);
    } catch (const std::future_error&) { // the promise went unkept
        throw KafkaException(Error(Errc::_destroy, "the engine's execution context went away during the commit"));
    }
}

void ConsumerImpl::commit_async(std::vector<CommittedOffset> offsets) {
    check_group(for_commits);
    check_fatal();
    std::lock_guard lock(use_);
    check_open();
    leave_out_logical(offsets);
    if (offsets.empty()) {
        driver_->events().on_commit(nothing_to_commit(), {});
        return;
    }
    post([driver = driver_, offsets = std::move(offsets)](TimePoint) mutable { driver->commit_and_tell(std::move(offsets)); });
}

void ConsumerImpl::start_commit(std::vector<CommittedOffset> offsets, Handler<std::vector<CommittedOffset>> handler) {
    leave_out_logical(offsets);
    Errc refused = Errc::no_error;
    {
        std::lock_guard lock(use_);
        if (closed_)
            refused = Errc::_state;
        else if (driver_->config().group_id.empty())
            refused = Errc::_unknown_group;
        else if (driver_->fatal())
            refused = Errc::_fatal;
        else if (offsets.empty())
            refused = Errc::_no_offset;
    }
    const auto& loop = driver_->loop();
    if (refused != Errc::no_error) {
        const auto flag = refused == Errc::_fatal ? ErrorFlag::fatal : ErrorFlag::none;
        engine::complete(*loop, std::move(handler), make_error_code(refused, flag), std::vector<CommittedOffset>());
        return;
    }
    loop->post([driver = driver_, offsets = std::move(offsets), handler = std::move(handler)](TimePoint) mutable {
        driver->commit(
            std::move(offsets),
            [loop = driver->loop(), handler = std::move(handler)](const Error& error, std::vector<CommittedOffset> rows) mutable {
                engine::complete(*loop, std::move(handler), error.code, std::move(rows));
            }
        );
    });
}

// With use_ held: the assignment is about to change.
void ConsumerImpl::commit_uncommitted() {
    if (losing_)
        driver_->stored().abandon();
    consumed_.reset(); // whoever changes the assignment has worked that off
    if (!driver_->commits_by_itself() || losing_)
        return;
    auto offsets = driver_->stored().uncommitted();
    if (offsets.empty())
        return;
    post([driver = driver_, offsets = std::move(offsets)](TimePoint) mutable { driver->commit_and_tell(std::move(offsets)); });
}

void ConsumerImpl::store_offsets(const std::vector<TopicPartitionOffset>& offsets) {
    if (driver_->config().enable_auto_offset_store)
        throw KafkaException(Error(Errc::_invalid_arg, "offsets are stored by hand only with enable.auto.offset.store=false"));
    std::lock_guard lock(use_);
    for (const auto& offset : offsets) // all or none
        find({offset.topic, offset.partition});
    for (const auto& offset : offsets)
        find({offset.topic, offset.partition}).progress->store(offset.offset < 0 ? offset_invalid : offset.offset, offset.leader_epoch);
}

} // namespace ottla::client
