// ottla: the command-line program. Exit codes: 0 done, 1 failed, 2 usage.
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <ottla/error.hpp>
#include <unistd.h>

#include "common.hpp"

namespace {

/// A standard stream that is closed must not become a socket of ours. Opened the wrong way round, so that using stdin or
/// stdout is an error as before.
void occupy_standard_streams() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(fd, F_GETFD) < 0)
            (void)::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY); // takes the lowest free number
}

} // namespace

int main(int argc, char** argv) {
    using namespace ottla::cli;
    occupy_standard_streams();
    CLI::App app("Talks to Apache Kafka, and plays Kafka itself (mock).", "ottla");
    app.set_version_flag("--version", OTTLA_VERSION);
    add_list(app);
    add_topics(app);
    add_produce(app);
    add_consume(app);
    add_groups(app);
    add_lag(app);
    add_mock(app);
    add_config(app);
    add_decode(app);
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
