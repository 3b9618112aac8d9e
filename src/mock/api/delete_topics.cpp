// DeleteTopics v1-6. v5 adds error texts; v6 names topics by name or by id in a new structure.
#include <ottla/msg/delete_topics.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

template <class Out>
void delete_one(
    ClusterCore& cluster, const Call& call, const std::optional<std::string>& name, const Uuid& id, Out& out
) {
    const Topic* topic = name ? cluster.find_topic(*name) : cluster.find_topic(id);
    Error error = call.injected;
    if (!error && name && !id.is_zero())
        error = Error(Errc::invalid_request, "a topic is named by name or by id, not by both");
    else if (!error && !topic)
        error = name ? Errc::unknown_topic_or_part : Errc::unknown_topic_id;

    out.name = topic ? topic->name : name;
    out.topic_id = topic ? topic->id : id;
    if (!error)
        error = cluster.delete_topic(*out.name);
    out.error_code = code(error.errc());
    if (error)
        out.error_message = error.message();
}

Outcome act(ClusterCore& cluster, const Call& call, msg::DeleteTopicsRequest& request) {
    msg::DeleteTopicsResponse response;
    for (const auto& topic : request.topics)
        delete_one(cluster, call, topic.name, topic.topic_id, response.responses.emplace_back());
    for (const auto& name : request.topic_names)
        delete_one(cluster, call, name, Uuid(), response.responses.emplace_back());
    return reply(call, response);
}

} // namespace

const Api delete_topics{20, 1, 6, 1, decoded<msg::DeleteTopicsRequest, act>};

} // namespace ottla::mock::api
