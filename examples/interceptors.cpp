// Interceptors, without the application knowing: one tags each record and counts what became of it, another sees what is read and
// committed.
//   interceptors [bootstrap-servers [topic]]
#include <atomic>
#include <cstdio>
#include <memory>

#include <ottla/consumer.hpp>
#include <ottla/consumer_interceptor.hpp>
#include <ottla/interceptor.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;

class Tracing : public ottla::ProducerInterceptor {
public:
    void on_send(ottla::ProducerRecord& record, Memory memory) override {
        auto* const headers = memory.allocate_object<ottla::Header>(record.headers.size() + 1);
        ottla::Header* end = std::uninitialized_copy(record.headers.begin(), record.headers.end(), headers);
        *end++ = {.key = "origin", .value = "example"};
        record.headers = {headers, end};
    }
    void on_acknowledgement(const ottla::Delivery& delivery) override { ++(delivery.error() ? failed : stored); }
    void on_error(const ottla::ProducerRecord&, ottla::error_code) override { ++refused; }

    std::atomic<int> stored{0};
    std::atomic<int> failed{0};
    std::atomic<int> refused{0};
};

class Audit : public ottla::ConsumerInterceptor {
public:
    void on_consume(const ottla::Message& message) override { bytes += message.value().size(); }
    void on_commit(const ottla::Error& error, const std::vector<ottla::CommittedOffset>& offsets) override {
        if (!error)
            committed += offsets.size();
    }

    std::atomic<size_t> bytes{0};
    std::atomic<size_t> committed{0};
};

void run(const std::string& servers, const std::string& topic) {
    const auto tracing = std::make_shared<Tracing>();
    ottla::Producer producer({{"bootstrap.servers", servers}}, {.interceptors = {tracing}});
    producer.produce({.topic = topic, .value = "traced", .partition = 0});
    ottla::error_code ec;
    producer.produce({.topic = topic, .value = std::string(2'000'000, 'x')}, nullptr, ec); // too large
    example::expect(producer.flush(10s) == 0, "all is reported");

    const auto audit = std::make_shared<Audit>();
    ottla::Consumer consumer({{"bootstrap.servers", servers}, {"group.id", "audited"}}, {.interceptors = {audit}});
    consumer.assign({{topic, 0, ottla::offset_tail(1)}});
    const auto message = consumer.poll(10s);
    example::expect(message && message->record().header_count() == 1, "the header is there");
    consumer.commit(*message);
    example::expect(audit->bytes == 6 && audit->committed == 1, "the audit has seen it");
    std::printf("stored %d, failed %d, refused %d\n", tracing->stored.load(), tracing->failed.load(), tracing->refused.load());
    example::expect(tracing->stored == 1 && tracing->failed == 0 && tracing->refused == 1, "the counts");
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    try {
        run(cluster.bootstrap_servers(), argc > 2 ? argv[2] : "traced");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
