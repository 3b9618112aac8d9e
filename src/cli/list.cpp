// ottla list, ottla topics describe: the cluster as a table or as JSON.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <ottla/admin.hpp>

#include "describe.hpp"

namespace ottla::cli {

nlohmann::json to_json(const TopicDescription& topic) {
    nlohmann::json out{{"topic", topic.name}, {"internal", topic.internal}, {"partitions", nlohmann::json::array()}};
    if (!topic.id.is_zero())
        out["id"] = topic.id.to_string();
    if (topic.error != Errc::no_error)
        out["error"] = error_name(topic.error);
    for (const auto& partition : topic.partitions) {
        nlohmann::json row{
            {"partition", partition.id},
            {"leader", partition.leader},
            {"leader_epoch", partition.leader_epoch},
            {"replicas", partition.replicas},
            {"isrs", partition.isr}};
        if (partition.error != Errc::no_error)
            row["error"] = error_name(partition.error);
        out["partitions"].push_back(std::move(row));
    }
    return out;
}

std::string dump(const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void print_topic(const TopicDescription& topic) {
    say("  {}{}: {} partitions{}\n", topic.name, topic.internal ? " (internal)" : "", topic.partitions.size(),
        topic.error == Errc::no_error ? "" : fmt::format(", {}: {}", error_name(topic.error), error_text(topic.error)));
    for (const auto& partition : topic.partitions)
        say(
            "    partition {:>4}  leader {:>4}  replicas {}  in sync {}{}\n",
            partition.id,
            partition.leader < 0 ? "none" : std::to_string(partition.leader),
            fmt::join(partition.replicas, ","),
            fmt::join(partition.isr, ","),
            partition.error == Errc::no_error ? "" : "  " + error_name(partition.error));
}

void note_failure(const TopicDescription& topic, bool shown) {
    if (topic.error == Errc::no_error)
        return;
    exit_code = exit_failed;
    if (!shown)
        fmt::print(stderr, "ottla: {}: {}: {}\n", error_name(topic.error), topic.name, error_text(topic.error));
}

namespace {

struct ListOptions {
    ConnectionOptions connection;
    std::string topic;
    bool json = false;
    int timeout_s = 5;
};

void run(const ListOptions& options) {
    AdminClient admin(options.connection.config());
    const auto cluster = admin.list_topics(
        options.topic.empty() ? std::nullopt : std::optional(options.topic), std::chrono::seconds(options.timeout_s));
    if (options.json) {
        nlohmann::json out{
            {"cluster_id", cluster.cluster_id},
            {"controllerid", cluster.controller},
            {"originating_broker", cluster.answered_by},
            {"brokers", nlohmann::json::array()},
            {"topics", nlohmann::json::array()}};
        for (const auto& broker : cluster.brokers) {
            nlohmann::json row{{"id", broker.id}, {"name", fmt::format("{}:{}", broker.host, broker.port)}};
            if (!broker.rack.empty())
                row["rack"] = broker.rack;
            out["brokers"].push_back(std::move(row));
        }
        for (const auto& topic : cluster.topics)
            out["topics"].push_back(to_json(topic));
        say("{}\n", dump(out));
    } else {
        say("Cluster {} as {} sees it\n",
            cluster.cluster_id.empty() ? "(no id)" : cluster.cluster_id,
            cluster.answered_by < 0 ? "a bootstrap server" : fmt::format("broker {}", cluster.answered_by));
        say(" {} brokers\n", cluster.brokers.size());
        for (const auto& broker : cluster.brokers)
            say(
                "  {:>4}  {}:{}{}{}\n",
                broker.id,
                broker.host,
                broker.port,
                broker.rack.empty() ? "" : "  rack " + broker.rack,
                broker.id == cluster.controller ? "  (controller)" : "");
        say(" {} topics\n", cluster.topics.size());
        for (const auto& topic : cluster.topics)
            print_topic(topic);
    }
    if (!options.topic.empty())
        for (const auto& topic : cluster.topics)
            note_failure(topic, options.json);
}

} // namespace

void add_list(CLI::App& app) {
    auto* command = app.add_subcommand("list", "Show brokers, topics and partitions");
    auto options = std::make_shared<ListOptions>();
    options->connection.add_to(*command);
    command->add_option("-t,--topic", options->topic, "Only this topic")->check(not_empty());
    command->add_flag("-J,--json", options->json, "Print JSON");
    command->add_option("-m,--timeout", options->timeout_s, "Seconds to wait for an answer")->check(CLI::Range(1, 86'400))->capture_default_str();
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
