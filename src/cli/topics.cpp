// ottla topics create|delete|describe.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "describe.hpp"

namespace ottla::cli {
namespace {

struct TopicsOptions {
    ConnectionOptions connection;
    std::vector<std::string> names;
    int partitions = -1;
    int16_t replicas = -1;
    std::vector<std::string> configs;
    bool json = false;
    int timeout_s = 30;

    std::chrono::milliseconds timeout() const { return std::chrono::seconds(timeout_s); }
};

void report(const TopicResults& results, const TopicsOptions& options, std::string_view done) {
    nlohmann::json out = nlohmann::json::array();
    for (const auto& [name, error] : results) {
        if (error)
            exit_code = exit_failed;
        if (options.json) {
            nlohmann::json row{{"topic", name}};
            if (error) {
                row["error"] = error_name(error.errc());
                row["message"] = error.message();
            }
            out.push_back(std::move(row));
        } else if (error) {
            fmt::print(stderr, "ottla: {}: {}\n", error_name(error.errc()), error.message());
        } else {
            say("{} {}\n", done, name);
        }
    }
    if (options.json)
        say("{}\n", dump(out));
}

void create(const TopicsOptions& options) {
    std::vector<NewTopic> topics;
    for (const auto& name : options.names) {
        NewTopic& topic = topics.emplace_back();
        topic.name = name;
        topic.partitions = options.partitions;
        topic.replication_factor = options.replicas;
        for (const auto& config : options.configs) {
            const size_t equals = config.find('=');
            if (equals == std::string::npos)
                throw UsageError("--config " + config + ": expected key=value");
            topic.configs[config.substr(0, equals)] = config.substr(equals + 1);
        }
    }
    AdminClient admin(options.connection.config());
    report(admin.create_topics(topics, options.timeout()), options, "created");
}

void remove(const TopicsOptions& options) {
    AdminClient admin(options.connection.config());
    report(admin.delete_topics(options.names, options.timeout()), options, "deleted");
}

void describe(const TopicsOptions& options) {
    AdminClient admin(options.connection.config());
    nlohmann::json out = nlohmann::json::array();
    for (const auto& name : options.names)
        for (const auto& topic : admin.list_topics(name, options.timeout()).topics) {
            note_failure(topic, options.json);
            if (options.json)
                out.push_back(to_json(topic));
            else if (topic.error == Errc::no_error)
                print_topic(topic);
        }
    if (options.json)
        say("{}\n", dump(out));
}

} // namespace

void add_topics(CLI::App& app) {
    auto* topics = app.add_subcommand("topics", "Create, delete and describe topics");
    topics->callback([topics] {
        if (topics->get_subcommands().empty())
            throw UsageError("topics: what about them? create, delete or describe");
    });
    const auto add = [&](const char* name, const char* what, void (*run)(const TopicsOptions&)) {
        auto* command = topics->add_subcommand(name, what);
        auto options = std::make_shared<TopicsOptions>();
        options->connection.add_to(*command);
        command->add_option("-t,--topic,topic", options->names, "Topic (repeatable)")->required()->check(not_empty());
        command->add_flag("-J,--json", options->json, "Print JSON");
        command->add_option("-m,--timeout", options->timeout_s, "Seconds to wait")->check(CLI::Range(1, 86'400))->capture_default_str();
        command->callback([options, run] { run(*options); });
        return std::pair(command, options);
    };
    auto [command, options] = add("create", "Create topics", create);
    command->add_option("-p,--partitions", options->partitions, "Partitions; -1: the broker's default")->capture_default_str();
    command->add_option("-r,--replicas", options->replicas, "Replication factor; -1: the broker's default")->capture_default_str();
    command->add_option("-c,--config", options->configs, "Topic setting, key=value (repeatable)")->allow_extra_args(false);
    add("delete", "Delete topics", remove);
    add("describe", "Show topics", describe);
}

} // namespace ottla::cli
