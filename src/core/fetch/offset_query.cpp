#include "core/fetch/offset_query.hpp"

#include <fmt/format.h>

#include "core/fetch/list_offsets.hpp"

namespace ottla::core {
namespace {

Errc first_error(const msg::ListOffsetsResponse& response) {
    if (response.topics.empty() || response.topics.front().partitions.empty())
        return Errc::_bad_msg;
    return static_cast<Errc>(response.topics.front().partitions.front().error_code);
}

} // namespace

void query_offset(
    Caller& caller, OffsetQuery query, const CallScope& scope, MoveOnlyFunction<void(Result<int64_t>)> reply
) {
    auto request = list_offsets_request(query.isolation);
    ask_for(request, query.where.topic, query.where.partition, -1, query.timestamp);
    const CallOptions options{.timeout = query.timeout};
    const Leader leader{query.where.topic, query.where.partition};
    call<msg::ListOffsetsRequest>(
        caller,
        leader,
        std::move(request),
        options,
        scope,
        [&caller, scope = &scope, query, reply = std::move(reply)](
            CallResult<msg::ListOffsetsResponse> result, TimePoint
        ) mutable {
            if (!result) {
                if (result.error().errc() == Errc::_invalid_arg &&
                    query.isolation != config::Isolation::read_uncommitted) {
                    query.isolation =
                        config::Isolation::read_uncommitted; // the broker is too old to know of transactions
                    query_offset(caller, std::move(query), *scope, std::move(reply));
                    return;
                }
                reply(Error(result.error()));
                return;
            }
            if (const Errc error = first_error(result->response); error != Errc::no_error) {
                reply(Error(
                    error,
                    fmt::format("{}[{}]: {}", query.where.topic, query.where.partition, error_text(error))
                ));
                return;
            }
            const int64_t offset =
                offset_in(result->response.topics.front().partitions.front(), result->version);
            if (result->version == 0 && query.timestamp >= 0 && offset < 0) {
                query.timestamp = timestamp_earliest; // the first segment was still written to at that time
                query_offset(caller, std::move(query), *scope, std::move(reply));
                return;
            }
            reply(offset);
        },
        first_error
    );
}

} // namespace ottla::core
