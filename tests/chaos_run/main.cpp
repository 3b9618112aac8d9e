// chaos_client: a client under load, for `tests/chaos`. It works until its standard input ends, or a time limit.
//   chaos_client --workload idempotent --bootstrap HOST:PORT --ledger FILE [--seconds N]
// Once a second a line of JSON with its counters goes to standard output.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <thread>

#include <CLI/CLI.hpp>

#include "client.hpp"

namespace chaos {

ottla::Config common_config(const Settings& settings) {
    ottla::Config config{
        {"bootstrap.servers", settings.bootstrap},
        {"socket.timeout.ms", "5000"},
        {"reconnect.backoff.max.ms", "1000"},
    };
    if (!settings.debug.empty())
        config.set("debug", settings.debug);
    return config;
}

std::string head_of(std::string_view value) {
    size_t end = 0;
    for (int space = 0; space < 3; ++space)
        end = value.find(' ', end) + 1;
    return std::string(value.substr(0, end - 1));
}

std::string padding(uint64_t number) {
    return std::string(number * 7 % 200, static_cast<char>('a' + static_cast<char>(number % 26)));
}

namespace {

void show(const Counters& counters) {
    std::printf(
        R"({"acked": %llu, "failed": %llu, "in_flight": %lld, "committed": %llu, "aborted": %llu, "unknown": %llu, "replaced": %llu})"
        "\n",
        static_cast<unsigned long long>(counters.acked),
        static_cast<unsigned long long>(counters.failed),
        static_cast<long long>(counters.in_flight),
        static_cast<unsigned long long>(counters.committed),
        static_cast<unsigned long long>(counters.aborted),
        static_cast<unsigned long long>(counters.unknown),
        static_cast<unsigned long long>(counters.replaced)
    );
    std::fflush(stdout);
}

/// Waits a second, or less if standard input has something to say. Whether it has ended.
bool input_has_ended() {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    char byte = 0;
    return ::poll(&input, 1, 1000) > 0 && ::read(STDIN_FILENO, &byte, 1) <= 0;
}

int run(const Settings& settings, const std::string& path, int seconds, void (*workload)(World&)) {
    Ledger ledger(path);
    Counters counters;
    std::atomic<bool> stop = false;
    std::atomic<bool> done = false;
    World world{.settings = settings, .ledger = ledger, .counters = counters, .stop = stop};
    std::thread worker([&] {
        try {
            workload(world);
            ledger.end();
        } catch (const std::exception& e) {
            ledger.trouble(std::string("the client ended: ") + e.what());
            std::fprintf(stderr, "chaos_client: %s\n", e.what());
        }
        done = true;
    });
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!done) {
        if (!stop)
            stop = input_has_ended() || std::chrono::steady_clock::now() > limit;
        else
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        show(counters);
    }
    worker.join();
    return world.status;
}

} // namespace

} // namespace chaos

int main(int argc, char** argv) {
    const std::map<std::string, void (*)(chaos::World&)> workloads{
        {"idempotent", chaos::run_idempotent},
        {"transactional", chaos::run_transactional},
        {"feeder", chaos::run_feeder},
        {"copier", chaos::run_copier},
        {"member", chaos::run_group_member},
        {"pair", chaos::run_pair},
    };
    CLI::App app("A client under load, for tests/chaos");
    chaos::Settings settings;
    std::string ledger;
    int seconds = 3600;
    app.add_option("--workload", settings.workload)->required()->check(CLI::IsMember(workloads));
    app.add_option("--bootstrap", settings.bootstrap)->required();
    app.add_option("--ledger", ledger)->required();
    app.add_option("--seconds", seconds, "at most")->check(CLI::PositiveNumber);
    app.add_option("--topic", settings.topic);
    app.add_option("--partitions", settings.partitions)->check(CLI::PositiveNumber);
    app.add_option("--rate", settings.rate, "messages a second")->check(CLI::PositiveNumber);
    app.add_option("--seed", settings.seed);
    app.add_option("--debug", settings.debug);
    app.add_option("--name", settings.name, "of a member of a group");
    app.add_option("--group", settings.group);
    app.add_option("--instance", settings.instance);
    app.add_option("--protocol", settings.protocol)->check(CLI::IsMember({"classic", "consumer"}));
    app.add_option("--assignor", settings.assignor);
    app.add_option("--read", settings.read)->check(CLI::IsMember({"poll", "consume", "records"}));
    app.add_option("--commit", settings.commit)->check(CLI::IsMember({"sync", "async", "auto", "stored"}));
    CLI11_PARSE(app, argc, argv);
    try {
        return chaos::run(settings, ledger, seconds, workloads.at(settings.workload));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "chaos_client: %s\n", e.what());
        return 1;
    }
}
