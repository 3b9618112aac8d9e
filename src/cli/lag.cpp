// ottla lag: how far groups are behind, once or as a live view.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "describe.hpp"
#include "group_lag.hpp"
#include "lag_history.hpp"
#include "live_view.hpp"
#include "table.hpp"

namespace ottla::cli {
namespace {

struct LagOptions {
    ConnectionOptions connection;
    std::vector<std::string> groups; ///< empty: all there are
    bool watch = false;
    double interval_s = 2;
    uint64_t count = 0; ///< of rounds; 0: until interrupted
    bool json = false;
    int timeout_s = 30;

    std::chrono::milliseconds timeout() const { return std::chrono::seconds(timeout_s); }
};

struct Row {
    GroupLag lag;
    std::optional<LagRates> rates;
};

std::string duration_text(const std::optional<std::chrono::seconds>& time) {
    if (!time)
        return "never";
    const int64_t s = time->count();
    return s == 0     ? "-"
           : s < 120  ? fmt::format("{} s", s)
           : s < 7200 ? fmt::format("{} min {:02} s", s / 60, s % 60)
                      : fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

nlohmann::json to_json(const Row& row, std::chrono::system_clock::time_point time) {
    const GroupDescription& group = row.lag.group;
    nlohmann::json out{
        {"time", std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count()}, {"group", group.id}};
    if (group.error) {
        out["error"] = error_name(group.error.errc());
        out["message"] = group.error.message();
        return out;
    }
    const auto unknown = std::count_if(
        row.lag.partitions.begin(), row.lag.partitions.end(), [](const PartitionLag& one) { return !one.lag(); });
    out["state"] = to_string(group.state);
    out["members"] = group.members.size();
    out["partitions"] = row.lag.partitions.size();
    out["partitions_without_lag"] = unknown; // nothing is committed, or the end is not known
    out["lag"] = row.lag.total();
    const auto rounded = [](double rate) { return std::round(rate * 100) / 100; };
    out["consumed_per_s"] = row.rates ? nlohmann::json(rounded(row.rates->consumed)) : nlohmann::json();
    out["produced_per_s"] = row.rates ? nlohmann::json(rounded(row.rates->produced)) : nlohmann::json();
    const bool known = row.rates && row.rates->until_caught_up;
    out["seconds_to_catch_up"] = known ? nlohmann::json(row.rates->until_caught_up->count()) : nlohmann::json();
    return out;
}

std::vector<std::string> table_of(const std::vector<Row>& rows) {
    using enum Table::Align;
    Table table(
        {{"group"}, {"state"}, {"members", right}, {"partitions", right}, {"lag", right}, {"consumed/s", right}, {"produced/s", right}, {"caught up in", right}});
    for (const auto& row : rows) {
        const GroupDescription& group = row.lag.group;
        if (group.error) {
            table.add({group.id, error_name(group.error.errc()), "-", "-", "-", "-", "-", "-"});
            continue;
        }
        const auto rate = [&](double LagRates::* which) { return row.rates ? fmt::format("{:.1f}", *row.rates.*which) : "-"; };
        table.add(
            {group.id,
             std::string(to_string(group.state)),
             std::to_string(group.members.size()),
             std::to_string(row.lag.partitions.size()),
             std::to_string(row.lag.total()),
             rate(&LagRates::consumed),
             rate(&LagRates::produced),
             row.rates ? duration_text(row.rates->until_caught_up) : "-"});
    }
    return table.lines();
}

class LagReader {
public:
    explicit LagReader(const LagOptions& options) : options_(options), admin_(options.connection.config()) {}

    void run() {
        catch_signals();
        uint64_t rounds = 0;
        for (auto next = std::chrono::steady_clock::now(); !interrupted();) {
            try {
                show(read());
                seen_any_ = true;
            } catch (const KafkaException& e) {
                if (!options_.watch || !seen_any_)
                    throw;
                fmt::print(stderr, "ottla: {}\n", e.what()); // it may pass
            }
            if (!options_.watch || (options_.count && ++rounds >= options_.count))
                return;
            next = std::max(next + interval(), std::chrono::steady_clock::now());
            while (!interrupted() && std::chrono::steady_clock::now() < next)
                std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(
                    next - std::chrono::steady_clock::now(), std::chrono::milliseconds(50)));
        }
    }

private:
    std::chrono::steady_clock::duration interval() const {
        return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(options_.interval_s));
    }

    std::vector<std::string> groups() {
        if (!options_.groups.empty())
            return options_.groups;
        std::vector<std::string> names;
        const GroupListings found = admin_.list_groups({}, options_.timeout());
        for (const auto& group : found.groups)
            if (group.type != GroupType::share && (group.is_simple() || group.protocol_type == "consumer"))
                names.push_back(group.id);
        for (const auto& error : found.errors)
            complain(error);
        return names;
    }

    void complain(const Error& error) {
        if (!options_.watch)
            exit_code = exit_failed;
        fmt::print(stderr, "ottla: {}: {}\n", error_name(error.errc()), error.message());
    }

    std::vector<Row> read() {
        std::vector<Row> rows;
        for (auto& lag : read_lags(admin_, groups(), options_.timeout())) {
            Row& row = rows.emplace_back();
            if (lag.group.error) {
                if (!options_.watch)
                    exit_code = exit_failed;
                if (!options_.json && complained_.insert(lag.group.id).second)
                    complain(lag.group.error);
            } else {
                row.rates = histories_[lag.group.id].add(lag);
            }
            row.lag = std::move(lag);
        }
        // Who is furthest behind comes first, in the order of the names otherwise.
        if (options_.groups.empty())
            std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.lag.total() > b.lag.total(); });
        return rows;
    }

    void show(const std::vector<Row>& rows) {
        const auto time = std::chrono::system_clock::now();
        if (options_.json) {
            for (const auto& row : rows)
                say("{}\n", dump(to_json(row, time)));
            flush_stdout();
            return;
        }
        std::vector<std::string> lines = table_of(rows);
        if (options_.watch)
            for (auto& line : lines)
                line = (&line == &lines.front() ? std::string(10, ' ') : fmt::format("{:%H:%M:%S}  ", fmt::localtime(std::chrono::system_clock::to_time_t(time)))) + line;
        if (!view_.live() && seen_any_)
            lines.erase(lines.begin()); // the titles stand above
        view_.show(std::move(lines));
    }

    const LagOptions& options_;
    AdminClient admin_;
    LiveView view_;
    std::map<std::string, LagHistory> histories_;
    std::set<std::string> complained_;
    bool seen_any_ = false;
};

} // namespace

void add_lag(CLI::App& app) {
    auto* command = app.add_subcommand("lag", "Show how far groups are behind, once or as it changes");
    auto options = std::make_shared<LagOptions>();
    options->connection.add_to(*command);
    command->add_option("-G,--group,group", options->groups, "Group (repeatable); default: all")->check(not_empty());
    auto* watch = command->add_flag("-w,--watch", options->watch, "Go on until interrupted, with rates; drawn in place on a terminal");
    command->add_option("-i,--interval", options->interval_s, "With --watch: seconds between looks")
        ->check(CLI::Range(0.1, 86'400.0))
        ->needs(watch)
        ->capture_default_str();
    command->add_option("-c,--count", options->count, "With --watch: end after so many looks")->check(CLI::PositiveNumber)->needs(watch);
    command->add_flag("-J,--json", options->json, "One JSON object a line for each group and look");
    command->add_option("-m,--timeout", options->timeout_s, "Seconds to wait for an answer")->check(CLI::Range(1, 86'400))->capture_default_str();
    command->callback([options] { LagReader(*options).run(); });
}

} // namespace ottla::cli
