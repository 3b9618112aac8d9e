// ottla groups list|describe|delete.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "describe.hpp"
#include "group_lag.hpp"
#include "partition_text.hpp"
#include "table.hpp"

namespace ottla::cli {
namespace {

struct GroupsOptions {
    ConnectionOptions connection;
    std::vector<std::string> names;
    std::vector<std::string> states;
    std::vector<std::string> types;
    bool members = false;
    bool json = false;
    int timeout_s = 30;

    std::chrono::milliseconds timeout() const { return std::chrono::seconds(timeout_s); }
};

void complain(const Error& error) {
    exit_code = exit_failed;
    fmt::print(stderr, "ottla: {}: {}\n", error_name(error.errc()), error.message());
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

// --- list

GroupFilter filter_of(const GroupsOptions& options) {
    GroupFilter filter;
    for (const auto& text : options.states) {
        const auto state = parse_group_state(text);
        if (!state)
            throw UsageError(fmt::format(
                "--state {}: expected Stable, Empty, PreparingRebalance, CompletingRebalance, Assigning, Reconciling, NotReady or Dead", text));
        filter.states.push_back(*state);
    }
    for (const auto& text : options.types) {
        const auto type = parse_group_type(text);
        if (!type)
            throw UsageError(fmt::format("--type {}: expected classic, consumer, share or streams", text));
        filter.types.push_back(*type);
    }
    return filter;
}

void list(const GroupsOptions& options) {
    const GroupFilter filter = filter_of(options);
    AdminClient admin(options.connection.config());
    const GroupListings found = admin.list_groups(filter, options.timeout());
    nlohmann::json json = nlohmann::json::array();
    Table table({{"group"}, {"type"}, {"state"}, {"protocol"}, {"coordinator", Table::Align::right}});
    for (const auto& group : found.groups) {
        json.push_back(
            {{"group", group.id},
             {"type", lower(to_string(group.type))},
             {"state", to_string(group.state)},
             {"protocol_type", group.protocol_type},
             {"coordinator", group.coordinator}});
        table.add(
            {group.id,
             lower(to_string(group.type)),
             std::string(to_string(group.state)),
             group.protocol_type.empty() ? "-" : group.protocol_type,
             std::to_string(group.coordinator)});
    }
    if (options.json)
        say("{}\n", dump(json));
    else if (!found.groups.empty())
        for (const auto& line : table.lines())
            say("{}\n", line);
    for (const auto& error : found.errors)
        complain(error);
}

// --- describe

nlohmann::json optional_json(const std::optional<int64_t>& value) { return value ? nlohmann::json(*value) : nlohmann::json(); }

nlohmann::json to_json(const std::vector<TopicPartition>& partitions) {
    nlohmann::json out = nlohmann::json::array();
    for (const auto& where : partitions)
        out.push_back({{"topic", where.topic}, {"partition", where.partition}});
    return out;
}

nlohmann::json to_json(const GroupMemberDescription& member) {
    nlohmann::json out{
        {"member", member.id},
        {"client_id", member.client_id},
        {"host", member.host},
        {"topics", member.topics},
        {"assignment", to_json(member.assignment)}};
    if (member.instance_id)
        out["instance_id"] = *member.instance_id;
    if (member.rack)
        out["rack"] = *member.rack;
    if (member.topic_pattern)
        out["topic_pattern"] = *member.topic_pattern;
    if (member.target) {
        out["target"] = to_json(*member.target);
        out["epoch"] = member.epoch;
    }
    return out;
}

nlohmann::json to_json(const GroupLag& lag) {
    const GroupDescription& group = lag.group;
    nlohmann::json out{{"group", group.id}};
    if (group.error) {
        out["error"] = error_name(group.error.errc());
        out["message"] = group.error.message();
        return out;
    }
    out["type"] = lower(to_string(group.type));
    out["state"] = to_string(group.state);
    out["protocol_type"] = group.protocol_type;
    out["assignor"] = group.assignor;
    out["coordinator"] = {{"id", group.coordinator.id}, {"name", fmt::format("{}:{}", group.coordinator.host, group.coordinator.port)}};
    if (group.epoch >= 0) {
        out["epoch"] = group.epoch;
        out["assignment_epoch"] = group.assignment_epoch;
    }
    out["lag"] = lag.total();
    out["partitions"] = nlohmann::json::array();
    for (const auto& row : lag.partitions) {
        nlohmann::json one{
            {"topic", row.where.topic},
            {"partition", row.where.partition},
            {"committed", optional_json(row.committed)},
            {"end", optional_json(row.end)},
            {"lag", optional_json(row.lag())},
            {"member", row.member ? nlohmann::json(group.members[*row.member].id) : nlohmann::json()}};
        if (row.error) {
            one["error"] = error_name(row.error.errc());
            one["message"] = row.error.message();
        }
        out["partitions"].push_back(std::move(one));
    }
    out["members"] = nlohmann::json::array();
    for (const auto& member : group.members)
        out["members"].push_back(to_json(member));
    return out;
}

std::string number(const std::optional<int64_t>& value) { return value ? std::to_string(*value) : "-"; }

std::vector<std::string> partition_lines(const GroupLag& lag) {
    using enum Table::Align;
    Table table(
        {{"topic"}, {"partition", right}, {"committed", right}, {"end", right}, {"lag", right}, {"member"}, {"host"}, {"client id"}});
    for (const auto& row : lag.partitions) {
        const GroupMemberDescription* member = row.member ? &lag.group.members[*row.member] : nullptr;
        table.add(
            {row.where.topic,
             std::to_string(row.where.partition),
             number(row.committed),
             number(row.end),
             number(row.lag()),
             member ? member->id : "-",
             member ? member->host : "-",
             member ? member->client_id : "-"});
    }
    return lag.partitions.empty() ? std::vector<std::string>() : table.lines();
}

std::vector<std::string> member_lines(const GroupLag& lag) {
    Table table({{"member"}, {"instance id"}, {"host"}, {"client id"}, {"partitions", Table::Align::right}, {"assignment"}});
    for (const auto& member : lag.group.members) {
        std::string assignment = member.assignment.empty() ? "-" : partition_text(member.assignment);
        if (member.target && *member.target != member.assignment)
            assignment += " -> " + partition_text(*member.target);
        table.add(
            {member.id,
             member.instance_id.value_or("-"),
             member.host,
             member.client_id,
             std::to_string(member.assignment.size()),
             std::move(assignment)});
    }
    return lag.group.members.empty() ? std::vector<std::string>() : table.lines();
}

void print(const GroupLag& lag, bool members) {
    const GroupDescription& group = lag.group;
    say("{}: {}, {}{}, {} members, coordinator {} ({}:{}), lag {}\n",
        group.id,
        to_string(group.state),
        lower(to_string(group.type)),
        group.assignor.empty() ? "" : ", assignor " + group.assignor,
        group.members.size(),
        group.coordinator.id,
        group.coordinator.host,
        group.coordinator.port,
        lag.total());
    for (const auto& line : members ? member_lines(lag) : partition_lines(lag))
        say("  {}\n", line);
}

void describe(const GroupsOptions& options) {
    AdminClient admin(options.connection.config());
    nlohmann::json json = nlohmann::json::array();
    for (const auto& lag : read_lags(admin, options.names, options.timeout())) {
        if (options.json) {
            json.push_back(to_json(lag));
            if (lag.group.error)
                exit_code = exit_failed;
            continue;
        }
        if (lag.group.error) {
            complain(lag.group.error);
            continue;
        }
        print(lag, options.members);
        flush_stdout(); // before what is told on stderr
        for (const auto& row : lag.partitions)
            if (row.error)
                complain(row.error);
    }
    if (options.json)
        say("{}\n", dump(json));
}

// --- delete

void remove(const GroupsOptions& options) {
    AdminClient admin(options.connection.config());
    nlohmann::json json = nlohmann::json::array();
    for (const auto& [group, error] : admin.delete_groups(options.names, options.timeout())) {
        if (options.json) {
            nlohmann::json row{{"group", group}};
            if (error) {
                exit_code = exit_failed;
                row["error"] = error_name(error.errc());
                row["message"] = error.message();
            }
            json.push_back(std::move(row));
        } else if (error) {
            complain(error);
        } else {
            say("deleted {}\n", group);
        }
    }
    if (options.json)
        say("{}\n", dump(json));
}

} // namespace

void add_groups(CLI::App& app) {
    auto* groups = app.add_subcommand("groups", "List, describe and delete consumer groups");
    groups->callback([groups] {
        if (groups->get_subcommands().empty())
            throw UsageError("groups: what about them? list, describe or delete");
    });
    const auto add = [&](const char* name, const char* what, void (*run)(const GroupsOptions&)) {
        auto* command = groups->add_subcommand(name, what);
        auto options = std::make_shared<GroupsOptions>();
        options->connection.add_to(*command);
        command->add_flag("-J,--json", options->json, "Print JSON");
        command->add_option("-m,--timeout", options->timeout_s, "Seconds to wait")->check(CLI::Range(1, 86'400))->capture_default_str();
        command->callback([options, run] { run(*options); });
        return std::pair(command, options);
    };
    const auto name_groups = [](CLI::App* command, GroupsOptions& options) {
        command->add_option("-G,--group,group", options.names, "Group (repeatable)")->required()->check(not_empty());
    };
    auto [lister, listing] = add("list", "Show the groups of all brokers", list);
    lister->add_option("--state", listing->states, "Only groups in this state, as Stable or Empty (repeatable)")->allow_extra_args(false);
    lister->add_option("--type", listing->types, "Only groups of this type: classic, consumer, share, streams (repeatable)")->allow_extra_args(false);
    auto [describer, describing] = add("describe", "Show how far groups have read, and who reads", describe);
    name_groups(describer, *describing);
    describer->add_flag("--members", describing->members, "Show members and what each reads, instead of partitions");
    auto [remover, removing] = add("delete", "Delete groups without members, and what they have committed", remove);
    name_groups(remover, *removing);
}

} // namespace ottla::cli
