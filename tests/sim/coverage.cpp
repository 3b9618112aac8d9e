#include "sim/coverage.hpp"

#include <fmt/format.h>

#include "base/probe.hpp"

namespace ottla::sim {
namespace {

struct Step {
    int from;
    int to;
    std::string_view exception{};
};

struct Machine {
    std::string_view name;
    std::vector<std::string_view> states; ///< by their numbers
    std::vector<Step> steps;
};

constexpr std::string_view old_broker = "only without ApiVersions, and the mock takes no requests that old";

constexpr std::string_view only_told = "brokers tell of truncation with every fetch here, so none is asked";
constexpr std::string_view brief = "the state is brief: a few seeds in a thousand";

// The states in the order of their enums.
const std::vector<Machine> machines{
    {"connection", // core::Connection::State
     {"opening", "negotiating", "ready", "down"},
     {{0, 1}, {0, 2, old_broker}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}},
    {"identity", // ProducerCore::IdState
     {"unneeded", "wanted", "asking", "known", "renewing"},
     {{1, 2}, {1, 3}, {2, 1}, {2, 3}, {3, 4}, {4, 3}, {4, 1, "only after 32,767 epochs"}}},
    {"transaction", // core::txn::Transaction::State
     {"created", "initializing", "ready", "open", "committing", "abortable", "aborting", "fatal"},
     {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {3, 5}, {3, 6}, {3, 7}, {4, 2}, {4, 5}, {4, 7}, {5, 6}, {5, 7, "a fence that is heard of after another failure: some seeds in a thousand"}, {6, 2}, {6, 7}}},
    {"batch", // accumulator::Batch::State
     {"open", "waiting", "in_flight", "reported"},
     {{0, 1}, {0, 3}, {1, 2}, {1, 3}, {2, 1}, {2, 3}}},
    {"position", // core::Fetcher::State
     {"need_offset", "asking", "reading", "stopped", "unchecked", "checking"},
     {{0, 1},
      {0, 2},
      {1, 0},
      {0, 3},
      {2, 0},
      {2, 3},
      {2, 4, only_told},
      {4, 5, only_told},
      {5, 4, only_told},
      {5, 2, only_told}}},
    {"member", // core::group::ClassicMember::State
     {"out", "expelled", "giving", "joining", "electing", "syncing", "taking", "stable", "dead"},
     {{0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1}, {2, 3}, {2, 8, brief}, {3, 1}, {3, 2}, {3, 4}, {3, 5}, {3, 8},
      {4, 1, brief}, {4, 2}, {4, 5}, {4, 8, brief}, {5, 1}, {5, 2}, {5, 6}, {5, 8, brief}, {6, 0, brief}, {6, 1}, {6, 2},
      {6, 7}, {6, 8, brief}, {7, 1}, {7, 2}, {7, 8}}},
    {"consumer_member", // core::group::ConsumerMember::State
     {"out", "expelled", "joining", "member", "giving", "dead"},
     {{0, 2}, {1, 0}, {1, 2}, {2, 1}, {2, 3}, {2, 4}, {3, 1}, {3, 2}, {3, 4}, {3, 5, "a classic member comes under its instance id: two seeds in a thousand"}, {4, 0}, {4, 1, brief}, {4, 2}}},
    {"verdict", // from: whether the batch is idempotent; to: core::produce::Verdict
     {"delivered", "retry", "refresh_retry", "split", "renumber", "fail", "fatal"},
     {{0, 0},
      {0, 1},
      {0, 2},
      {0, 3},
      {0, 4, "a plain producer's batches have no numbers"},
      {0, 5},
      {0, 6, "there is no fatal error for a plain producer"},
      {1, 0},
      {1, 1},
      {1, 2},
      {1, 3},
      {1, 4},
      {1, 5},
      {1, 6}}},
};

std::string name_of(const Machine& machine, int from, int to) {
    const auto state = [&](int number) {
        const auto index = static_cast<size_t>(number);
        return index < machine.states.size() ? std::string(machine.states[index]) : fmt::format("{}", number);
    };
    if (machine.name == "verdict")
        return fmt::format("{}: {}", from ? "idempotent" : "plain", state(to));
    return fmt::format("{} > {}", state(from), state(to));
}

} // namespace

void Coverage::listen() {
    static std::map<std::tuple<std::string, int, int>, uint64_t>* counts;
    counts = &counts_;
    probe::on_step = [](std::string_view machine, int from, int to) {
        if (from != to || machine == "verdict")
            ++(*counts)[{std::string(machine), from, to}];
    };
}

std::vector<Coverage::Row> Coverage::rows() const {
    std::vector<Row> rows;
    auto left = counts_;
    for (const Machine& machine : machines) {
        for (const Step& step : machine.steps) {
            const std::tuple key(std::string(machine.name), step.from, step.to);
            const auto found = left.find(key);
            rows.push_back(
                {.machine = std::string(machine.name),
                 .step = name_of(machine, step.from, step.to),
                 .count = found == left.end() ? 0 : found->second,
                 .legal = true,
                 .exception = std::string(step.exception)}
            );
            if (found != left.end())
                left.erase(found);
        }
        for (const auto& [key, count] : left)
            if (std::get<0>(key) == machine.name)
                rows.push_back(
                    {std::string(machine.name),
                     name_of(machine, std::get<1>(key), std::get<2>(key)),
                     count,
                     false,
                     {}}
                );
    }
    return rows;
}

std::vector<std::string> Coverage::complaints() const {
    std::vector<std::string> complaints;
    for (const Row& row : rows()) {
        if (!row.legal)
            complaints.push_back(
                fmt::format("{}: {} is not legal and occurred {} times", row.machine, row.step, row.count)
            );
        else if (row.count == 0 && row.exception.empty())
            complaints.push_back(fmt::format("{}: {} never occurred", row.machine, row.step));
    }
    return complaints;
}

} // namespace ottla::sim
