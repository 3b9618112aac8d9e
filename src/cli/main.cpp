// ottla: the command-line program. Exit codes: 0 done, 1 failed, 2 usage.
#include <cstdio>

#include <fmt/format.h>
#include <ottla/error.hpp>

#include "common.hpp"

int main(int argc, char** argv) {
    using namespace ottla::cli;
    CLI::App app("Talks to Apache Kafka, and plays Kafka itself (mock).", "ottla");
    app.set_version_flag("--version", OTTLA_VERSION);
    add_list(app);
    add_topics(app);
    add_produce(app);
    add_consume(app);
    add_mock(app);
    try {
        app.parse(argc, argv);
        if (app.get_subcommands().empty()) {
            fmt::print(stderr, "{}", app.help());
            return exit_usage;
        }
        flush_stdout();
        return exit_code;
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? exit_done : exit_usage;
    } catch (const UsageError& e) {
        fmt::print(stderr, "ottla: {}\n", e.what());
        return exit_usage;
    } catch (const ottla::KafkaException& e) {
        fmt::print(stderr, "ottla: {}\n", e.what());
        return e.error().code() == ottla::Errc::_invalid_arg ? exit_usage : exit_failed;
    } catch (const std::exception& e) {
        fmt::print(stderr, "ottla: {}\n", e.what());
        return exit_failed;
    }
}
