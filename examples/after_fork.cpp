// A process that forks while its producer works: the child makes clients of its own and leaves the parent's alone.
//   after_fork [bootstrap-servers [topic]]
#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;

void work_in_child(ottla::Producer& of_parent, const ottla::Config& config, const std::string& topic) {
    ottla::error_code ec;
    of_parent.produce({.topic = topic, .value = "nobody's"}, nullptr, ec);
    example::expect(ec == ottla::Errc::_state, "the parent's producer is of no use here");
    ottla::Producer own(config); // with an engine of its own
    own.produce({.topic = topic, .value = "the child's", .partition = 0});
    example::expect(own.flush(10s) == 0, "the child's is reported");
}

void run(const ottla::Config& config, const std::string& topic) {
    int stored = 0;
    ottla::Producer producer(config, {.on_delivery = [&stored](const ottla::Delivery& d) { stored += !d.error(); }});
    producer.produce({.topic = topic, .value = "the parent's first", .partition = 0});
    const pid_t child = fork();
    if (child == 0) {
        int status = 0;
        try {
            work_in_child(producer, config, topic);
        } catch (const std::exception& e) {
            std::fprintf(stderr, "child: %s\n", e.what());
            status = 1;
        }
        _exit(status); // exit() and the destructors of the parent's clients do no harm either
    }
    producer.produce({.topic = topic, .value = "the parent's second", .partition = 0});
    int status = 1;
    waitpid(child, &status, 0);
    example::expect(status == 0, "the child is content");
    example::expect(producer.flush(10s) == 0 && stored == 2, "and so is the parent");
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    try {
        run({{"bootstrap.servers", cluster.bootstrap_servers()}}, argc > 2 ? argv[2] : "family");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
