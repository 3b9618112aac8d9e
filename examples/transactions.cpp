// Exactly once: what is read, what is written and how far reading has come change together, in transactions.
//   transactions [bootstrap-servers [from-topic to-topic]]
// Without arguments a cluster is started in this process, with something to read.
#include <cstdio>
#include <string>

#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;

/// Copies what is there from one topic to another, in transactions of up to ten messages. Returns how many.
int copy(const std::string& brokers, const std::string& from, const std::string& to) {
    ottla::Consumer consumer(
        {{"bootstrap.servers", brokers},
         {"isolation.level", "read_committed"}, // nothing of transactions that are open or aborted
         {"auto.offset.reset", "earliest"},
         {"enable.partition.eof", "true"}});
    consumer.assign({{from, 0, ottla::offset_beginning}});
    ottla::Producer producer({{"bootstrap.servers", brokers}, {"transactional.id", "copy-1"}});
    producer.init_transactions(); // ends what an earlier run of "copy-1" left open

    const ottla::ConsumerGroupMetadata group{.group_id = "copy"};
    int copied = 0;
    for (bool more = true; more;) {
        producer.begin_transaction();
        int64_t next = ottla::offset_invalid;
        for (int i = 0; i < 10 && more; ++i) {
            const auto message = consumer.poll(5s);
            more = message && !message->error(); // else the end of the partition
            if (!more)
                break;
            producer.produce({.topic = to, .value = message->value(), .key = message->key()});
            next = message->offset() + 1;
            ++copied;
        }
        producer.send_offsets_to_transaction({{from, 0, next}}, group); // nothing read: nothing sent
        try {
            producer.commit_transaction();
        } catch (const ottla::KafkaException& e) {
            if (!e.error().txn_requires_abort())
                throw;
            producer.abort_transaction(); // then read again from the last offset that was committed
            throw;
        }
    }
    producer.close();
    return copied;
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string from = argc > 2 ? argv[2] : "letters";
    const std::string to = argc > 3 ? argv[3] : "copies";
    try {
        if (argc < 2) {
            ottla::Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}});
            for (int i = 0; i < 25; ++i)
                producer.produce({.topic = from, .value = "letter " + std::to_string(i), .partition = 0});
            producer.flush(10s);
        }
        std::printf("%d messages copied\n", copy(cluster.bootstrap_servers(), from, to));
        return 0;
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.error().to_string().c_str());
        return 1;
    }
}
