// A producer with transactions in virtual time; the test is the cluster and its coordinators, call by call.
#pragma once

#include "core/txn/transaction.hpp"
#include "unit/core/produce/produce_world.hpp"

namespace ottla::test {

inline config::ClientConfig transactional(config::ClientConfig config = {}) {
    config.linger_ms = 0;
    config.enable_idempotence = true;
    config.transactional_id = "letters";
    config.message_timeout = 10s;
    config.retry_backoff = 100ms;
    config.retry_backoff_max = 100ms;
    return config;
}

struct TransactionWorld : ProduceWorld {
    explicit TransactionWorld(int16_t version = 1, config::ClientConfig c = transactional())
        : ProduceWorld(std::move(c)), finalised(version) {
        core::txn::Transaction::Ports ports{.caller = caller, .transaction_version = [this] { return finalised; }};
        transaction.emplace(std::move(ports), config, accumulator, *core, *this, 1);
        scheduler.add(*transaction);
        run();
    }
    ~TransactionWorld() override { transaction->close(Error(Errc::_destroy)); }

    /// What became of a call: its place in `ended`, by name.
    auto note(const std::string& name) {
        return [this, name](Error error) {
            std::string text = name + ": " + (error ? error_name(error.errc()) : "done");
            switch (flag_of(error.code)) {
            case ErrorFlag::retriable:
                text += " retriable";
                break;
            case ErrorFlag::fatal:
                text += " fatal";
                break;
            case ErrorFlag::txn_requires_abort:
                text += " abort";
                break;
            default:
                break;
            }
            ended.push_back(text);
        };
    }
    std::vector<std::string> take_ended() { return std::exchange(ended, {}); }

    using ProduceWorld::answer;
    /// Answers the request of this type that waits, after `fill` has made the response.
    template <class Request, class F>
    Request answer(F&& fill) {
        auto asked = caller.take<Request>();
        REQUIRE(asked);
        typename Request::Response response;
        fill(asked->first, response);
        caller.answer(asked->second, response, now);
        run();
        return std::move(asked->first);
    }
    msg::InitProducerIdRequest answer_init(int64_t id, int16_t producer_epoch, Errc error = Errc::no_error) {
        return answer<msg::InitProducerIdRequest>([&](const auto&, auto& response) {
            response.producer_id = id;
            response.producer_epoch = producer_epoch;
            response.error_code = static_cast<int16_t>(error);
        });
    }
    /// "t: 0 1"
    std::string answer_add_partitions(Errc error = Errc::no_error, Errc others = Errc::no_error) {
        std::string text;
        answer<msg::AddPartitionsToTxnRequest>([&](const auto& request, auto& response) {
            for (const auto& topic : request.v3_and_below_topics) {
                text += topic.name + ":";
                auto& out = response.results_by_topic_v3_and_below.emplace_back();
                out.name = topic.name;
                for (const int32_t partition : topic.partitions) {
                    text += " " + std::to_string(partition);
                    auto& p = out.results_by_partition.emplace_back();
                    p.partition_index = partition;
                    p.partition_error_code = static_cast<int16_t>(out.results_by_partition.size() == 1 ? error : others);
                }
            }
        });
        return text;
    }
    msg::EndTxnRequest answer_end(Errc error = Errc::no_error, int64_t id = -1, int16_t producer_epoch = -1) {
        const int16_t version = finalised_in_use() >= 2 ? int16_t{5} : int16_t{4};
        auto asked = caller.take<msg::EndTxnRequest>();
        REQUIRE(asked);
        CHECK(asked->second.min_version <= version);
        CHECK(asked->second.max_version >= version);
        msg::EndTxnResponse response;
        response.error_code = static_cast<int16_t>(error);
        response.producer_id = id;
        response.producer_epoch = producer_epoch;
        caller.answer(asked->second, response, now);
        run();
        return std::move(asked->first);
    }
    int16_t finalised_in_use() const { return transaction->joins_by_produce() ? 2 : 1; }

    /// Init done, topic known, nothing sent.
    void make_ready(int64_t id = 42, int16_t producer_epoch = 0) {
        transaction->init(note("init"));
        run();
        answer_init(id, producer_epoch);
        CHECK(take_ended() == std::vector<std::string>{"init: done"});
        metadata.want("t");
        run();
        answer_metadata();
    }
    void begin() {
        REQUIRE_FALSE(transaction->begin());
        run();
    }
    void commit() {
        transaction->commit(note("commit"));
        run();
    }
    void abort() {
        transaction->abort(note("abort"));
        run();
    }

    int16_t finalised;
    std::vector<std::string> ended;
    std::optional<core::txn::Transaction> transaction;
};

} // namespace ottla::test
