// ottla-sim: runs workloads in simulated worlds, one a seed. What is simulated and how to read a failure:
// docs/RELIABILITY.md.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/probe.hpp"
#include "sim/coverage.hpp"
#include "sim/planted.hpp"
#include "sim/workload.hpp"

namespace {

using namespace ottla::sim;
using nlohmann::json;

struct Options {
    bool list = false;
    std::vector<std::string> workloads;
    std::optional<uint64_t> seed;
    std::string seeds;
    std::string planted;
    bool as_json = false;
    bool demand_coverage = false;
    bool no_trouble = false;
    bool show_transcript = false;
    size_t lines = 200;
};

struct Totals {
    uint64_t runs = 0;
    uint64_t failed_runs = 0;
    uint64_t events = 0;
    uint64_t messages = 0;
    uint64_t acknowledged = 0;
    uint64_t failed = 0;
    uint64_t lost_batches = 0;
    double virtual_seconds = 0;
    double seconds = 0;
    FaultCounts faults;
};

// An assertion of the library ends the process: the seed must not be lost with it.
const Workload* running = nullptr;
uint64_t running_seed = 0;

void on_abort(int) {
    std::fprintf(
        stderr,
        "aborted: replay with ottla-sim --workload %.*s --seed %llu\n",
        static_cast<int>(running->name.size()),
        running->name.data(),
        static_cast<unsigned long long>(running_seed)
    );
    _exit(1);
}

void print_failure(const Workload& workload, uint64_t seed, size_t lines, bool trouble) {
    // The transcript is kept only now: the run is the same.
    const RunResult again = workload.run({.seed = seed, .transcript_lines = lines, .trouble = trouble});
    for (const auto& line : again.transcript)
        fmt::print("    {}\n", line);
    fmt::print(
        "FAILED workload {} seed {}: {}\n  replay: ottla-sim --workload {} --seed {}{}\n",
        workload.name,
        seed,
        again.violation,
        workload.name,
        seed,
        trouble ? "" : " --no-trouble"
    );
}

json to_json(const Totals& totals, const Coverage& coverage) {
    json faults;
    for (size_t i = 0; i < fault_kinds; ++i)
        faults[std::string(fault_names[i])] = totals.faults.by_kind[i];
    json steps = json::array();
    for (const auto& row : coverage.rows())
        steps.push_back(
            {{"machine", row.machine},
             {"step", row.step},
             {"count", row.count},
             {"legal", row.legal},
             {"exception", row.exception}}
        );
    return {
        {"runs", totals.runs},
        {"failed_runs", totals.failed_runs},
        {"events", totals.events},
        {"messages", totals.messages},
        {"acknowledged", totals.acknowledged},
        {"failed", totals.failed},
        {"lost_batches", totals.lost_batches},
        {"virtual_seconds", totals.virtual_seconds},
        {"seconds", totals.seconds},
        {"faults", faults},
        {"steps", steps}};
}

void print_totals(const Totals& totals, const Coverage& coverage) {
    fmt::print(
        "{} runs in {:.1f} s ({:.0f} a second), {:.0f} s of virtual time, {} events\n"
        "{} messages: {} acknowledged, {} reported as failed; {} batches lost with brokers' tails\n",
        totals.runs,
        totals.seconds,
        static_cast<double>(totals.runs) / totals.seconds,
        totals.virtual_seconds,
        totals.events,
        totals.messages,
        totals.acknowledged,
        totals.failed,
        totals.lost_batches
    );
    fmt::print("\nfaults\n");
    for (size_t i = 0; i < fault_kinds; ++i)
        fmt::print("  {:<34} {:>9}\n", fault_names[i], totals.faults.by_kind[i]);
    fmt::print("\nsteps\n");
    for (const auto& row : coverage.rows())
        fmt::print(
            "  {:<34} {:>9}{}\n",
            row.machine + " " + row.step,
            row.count,
            !row.legal              ? "  NOT LEGAL"
            : row.exception.empty() ? ""
                                    : "  (" + row.exception + ")"
        );
    fmt::print("\n");
}

std::vector<const Workload*> chosen(const Options& options) {
    std::vector<const Workload*> chosen;
    for (const Workload& workload : workloads())
        if (options.workloads.empty() ||
            std::find(options.workloads.begin(), options.workloads.end(), workload.name) !=
                options.workloads.end())
            chosen.push_back(&workload);
    return chosen;
}

int run_seeds(const Options& options, uint64_t first, uint64_t last) {
    Totals totals;
    Coverage coverage;
    coverage.listen();
    const auto begin = std::chrono::steady_clock::now();
    constexpr uint64_t most_shown = 5;
    for (const Workload* workload : chosen(options)) {
        for (uint64_t seed = first; seed <= last; ++seed) {
            running = workload;
            running_seed = seed;
            const RunResult result = workload->run(
                {.seed = seed,
                 .transcript_lines = options.show_transcript ? options.lines : 0,
                 .trouble = !options.no_trouble}
            );
            ++totals.runs;
            totals.events += result.events;
            totals.messages += result.messages;
            totals.acknowledged += result.acknowledged;
            totals.failed += result.failed;
            totals.lost_batches += result.lost_batches;
            totals.virtual_seconds += result.virtual_seconds;
            totals.faults += result.faults;
            for (const auto& line : result.transcript)
                fmt::print("{}\n", line);
            if (!result.violation.empty() && ++totals.failed_runs <= most_shown)
                print_failure(*workload, seed, options.lines, !options.no_trouble);
        }
    }
    totals.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto complaints = options.demand_coverage ? coverage.complaints() : std::vector<std::string>();
    if (options.as_json) {
        fmt::print("{}\n", to_json(totals, coverage).dump(2));
    } else {
        print_totals(totals, coverage);
        for (const auto& complaint : complaints)
            fmt::print("{}\n", complaint);
        fmt::print(
            "{} passed, {} failed\n", totals.runs - totals.failed_runs, totals.failed_runs + complaints.size()
        );
    }
    return totals.failed_runs || !complaints.empty() ? 1 : 0;
}

int hunt(const Options& options, uint64_t first, uint64_t last) {
    int missed = 0;
    int found = 0;
    for (const PlantedBug& bug : planted_bugs()) {
        if (options.planted != "all" && options.planted != bug.name)
            continue;
        const auto hit = find_planted(bug, first, last, options.workloads);
        ++(hit ? found : missed);
        if (hit)
            fmt::print("{}: seed {} of {}: {}\n", bug.name, hit->seed, hit->workload, hit->violation);
        else
            fmt::print("{}: NOT FOUND by seeds {}-{}\n", bug.name, first, last);
        std::fflush(stdout);
    }
    if (found + missed == 0) {
        fmt::print(stderr, "ottla-sim: there is no planted bug '{}'\n", options.planted);
        return 2;
    }
    fmt::print("{} passed, {} failed\n", found, missed);
    return missed ? 1 : 0;
}

int list() {
    fmt::print("workloads\n");
    for (const Workload& workload : workloads())
        fmt::print("  {:<32} {}\n", workload.name, workload.about);
    fmt::print("planted bugs\n");
    for (const PlantedBug& bug : planted_bugs())
        fmt::print("  {:<32} {}\n", bug.name, bug.about);
    fmt::print("faults\n");
    for (const auto name : fault_names)
        fmt::print("  {}\n", name);
    return 0;
}

/// "A-B" with A <= B.
bool parse_range(const std::string& text, uint64_t& first, uint64_t& last) {
    const size_t dash = text.find('-');
    if (dash == std::string::npos || text.find_first_not_of("0123456789-") != std::string::npos)
        return false;
    char* end = nullptr;
    first = std::strtoull(text.c_str(), &end, 10);
    if (end != text.c_str() + dash || dash == 0 || dash + 1 == text.size())
        return false;
    last = std::strtoull(text.c_str() + dash + 1, &end, 10);
    return *end == '\0' && first <= last;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app(
        "Runs the client's protocol logic in simulated worlds; each seed is one world, the same every time."
    );
    app.add_flag("--list", options.list, "Show workloads, planted bugs and kinds of faults");
    app.add_option("--workload", options.workloads, "Only this one (may be repeated); default: all")
        ->check([](const std::string& name) {
            return find_workload(name) ? "" : "there is no workload '" + name + "': see --list";
        });
    auto* seed = app.add_option("--seed", options.seed, "One world; shows its transcript");
    app.add_option("--seeds", options.seeds, "Worlds A-B (default 1-100)")->excludes(seed);
    app.add_option("--planted", options.planted, "Hunt for this planted bug, or for `all`");
    app.add_flag("--json", options.as_json, "Print the totals as JSON");
    app.add_flag("--coverage", options.demand_coverage, "Fail when a legal step or verdict never occurred");
    app.add_flag("--no-trouble", options.no_trouble, "Nothing goes wrong");
    app.add_option("--lines", options.lines, "Keep so many lines of a transcript")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    if (options.list)
        return list();

    uint64_t first = 1;
    uint64_t last = 100;
    if (options.seed) {
        first = last = *options.seed;
        options.show_transcript = !options.as_json && options.planted.empty();
    } else if (!options.seeds.empty() && !parse_range(options.seeds, first, last)) {
        fmt::print(stderr, "ottla-sim: --seeds {}: must be A-B with A <= B\n", options.seeds);
        return 2;
    }
    std::signal(SIGABRT, on_abort);
    if (!options.planted.empty())
        return hunt(options, first, last);
    return run_seeds(options, first, last);
}
