// Reads letters, writes answers, each letter exactly once: the helper for consume-transform-produce.
//   transform [bootstrap-servers [from-topic to-topic]]
// Without arguments a cluster is started in this process, with something to read. Ends when nothing has come for a second.
#include <cstdio>
#include <string>

#include <ottla/transform.hpp>

#include "example_cluster.hpp"

using namespace std::chrono_literals;

namespace {

ottla::Transform make(const std::string& brokers, const std::string& from, const std::string& to) {
    ottla::Consumer consumer(
        {{"bootstrap.servers", brokers},
         {"group.id", "answers"}, // its committed offsets are where reading goes on
         {"auto.offset.reset", "earliest"},
         {"enable.auto.commit", "false"}, // offsets are committed by the transactions
         {"isolation.level", "read_committed"}});
    ottla::Producer producer({{"bootstrap.servers", brokers}, {"transactional.id", "answers-1"}});
    return {
        std::move(consumer), std::move(producer), {.from = {{from, 0}}, .max_records = 10},
        [to](const ottla::Message& in, ottla::Producer& out) {
            const std::string answer = "Re: " + std::string(in.value().text());
            out.produce({.topic = to, .value = answer, .key = in.key()}, 10s); // waits for room
        }};
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string from = argc > 2 ? argv[2] : "letters";
    const std::string to = argc > 3 ? argv[3] : "answers";
    try {
        if (argc < 2) {
            ottla::Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}});
            for (int i = 0; i < 25; ++i)
                producer.produce({.topic = from, .value = "letter " + std::to_string(i), .partition = 0});
            producer.flush(10s);
        }
        ottla::Transform transform = make(cluster.bootstrap_servers(), from, to);
        for (uint64_t aborted = 0; transform.step(1s) > 0 || transform.aborted() > aborted;)
            aborted = transform.aborted();
        std::printf("%llu letters answered\n", static_cast<unsigned long long>(transform.committed()));
        transform.close();
        return argc < 2 && transform.committed() != 25;
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.error().to_string().c_str());
        return 1;
    }
}
