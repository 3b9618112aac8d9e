// Interceptors of a consumer: code beside the application that sees what it is given and what is committed, as metrics, tracing
// and checks need it (KIP-42). They are given to a consumer by ConsumerOptions::interceptors.
#pragma once

#include <vector>

#include <ottla/consumer.hpp>
#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/offsets.hpp>
#include <ottla/records.hpp>

namespace ottla {

/// Several are called in the order in which they were given. An exception that leaves a function here is logged (once a second at
/// most) and goes no further. None of the functions may call the consumer. What is read is shared bytes, so nothing can be changed.
class OTTLA_EXPORT ConsumerInterceptor {
public:
    virtual ~ConsumerInterceptor();

    /// A message that `poll`, `consume` or `async_poll` is about to return; not events and errors. On the thread that polls, or
    /// that runs the handler. The view ends with the call, unless it is copied.
    virtual void on_consume(const Message& message);

    /// The records that a poll for records (also of one partition's stream) is about to return, if there are any. Likewise.
    virtual void on_consume(const Records& records);

    /// What a commit has come to, whoever made it: the error when none of the partitions was committed, and each partition with its
    /// own. On the thread of the engine, before the application hears of it. Must not block.
    virtual void on_commit(const Error& error, const std::vector<CommittedOffset>& offsets);

    /// The consumer has ended: the last call but one that runs at the same time. Once, on the thread of the engine.
    virtual void on_close();
};

} // namespace ottla
