// Clients after fork(): in the child every call fails, new clients work, and whatever the child does, the parent's go on
// over the connections they have.
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>
#include <ottla/interceptor.hpp>
#include <ottla/producer.hpp>
#include <ottla/serdes/serializers.hpp>
#include <ottla/serdes/serializing_producer.hpp>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "../producer_world.hpp"
#include "catch.hpp"

using namespace ottla;
using namespace ottla::test;
namespace asio = boost::asio;

namespace {

/// What a child finds wrong; it has no test framework to tell.
class Findings {
public:
    void expect(bool good, const std::string& what) {
        if (!good)
            wrong_ += what + "; ";
    }
    /// `f` throws a KafkaException of _state that speaks of fork.
    void refuses(const std::string& what, const std::function<void()>& f) {
        try {
            f();
            wrong_ += what + " succeeded; ";
        } catch (const KafkaException& e) {
            expect(e.error().code() == Errc::_state, what + ": " + e.what());
            expect(e.error().str().find("fork") != std::string::npos, what + " says: " + e.what());
        } catch (const std::exception& e) {
            wrong_ += what + " threw " + e.what() + "; ";
        }
    }
    void completes(const std::string& what, std::future<error_code> future) {
        if (future.wait_for(5s) != std::future_status::ready)
            wrong_ += what + " hangs; ";
        else
            expect(future.get() == Errc::_state, what + " has another code");
    }
    const std::string& wrong() const { return wrong_; }

private:
    std::string wrong_;
};

/// Runs `body` in a child, which ends as `ending` says, and tells in the parent what it found wrong.
template <class Body>
std::string in_child(Body body, const std::function<void(int)>& ending = [](int status) { ::_exit(status); }) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::close(ends[0]);
        ::alarm(30); // the child must not hang; if it does it ends by SIGALRM
        Findings findings;
        try {
            body(findings);
        } catch (const std::exception& e) {
            findings.expect(false, std::string("the child's body threw ") + e.what());
        }
        const auto& wrong = findings.wrong();
        [[maybe_unused]] const auto written = ::write(ends[1], wrong.data(), wrong.size());
        ::close(ends[1]);
        ending(42);
        ::_exit(43);
    }
    ::close(ends[1]);
    std::string wrong;
    char piece[1024];
    for (ssize_t size; (size = ::read(ends[0], piece, sizeof piece)) > 0;)
        wrong.append(piece, static_cast<size_t>(size));
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status))
        return wrong + "the child was ended by signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) != 42)
        return wrong + "the child's status is " + std::to_string(WEXITSTATUS(status));
    return wrong;
}

/// Produces numbered messages to a partition on a thread of its own until it is stopped.
class Traffic {
public:
    Traffic(ProducerWorld& world, Producer& producer) : world_(world), producer_(producer) {
        thread_ = std::thread([this] {
            while (!stop_) {
                producer_.produce({.topic = "t", .value = "m" + std::to_string(sent_), .partition = 0}, 10s);
                ++sent_;
                if (sent_ % 20 == 0)
                    std::this_thread::sleep_for(1ms);
            }
        });
        while (sent_ < 100 || world.cluster.offsets("t", 0)->second == 0) // its connections are there
            std::this_thread::sleep_for(1ms);
    }
    ~Traffic() {
        if (thread_.joinable())
            finish();
    }
    void flush() {
        finish();
        CHECK(producer_.flush(20s) == 0);
    }
    /// All of it has arrived, in order, once each.
    void check() {
        if (thread_.joinable())
            flush();
        const auto stored = world_.values("t", 0);
        CHECK(stored.size() == static_cast<size_t>(sent_.load()));
        CHECK(stored == numbered(sent_));
    }

private:
    void finish() {
        stop_ = true;
        thread_.join();
    }

    ProducerWorld& world_;
    Producer& producer_;
    std::atomic<bool> stop_{false};
    std::atomic<int> sent_{0};
    std::thread thread_;
};

Config reading(const ProducerWorld& world) {
    return {{"bootstrap.servers", world.cluster.bootstrap_servers()}};
}

const auto code_of_report = asio::use_future([](error_code ec, const DeliveryReport&) { return ec; });
const auto code_of_records = asio::use_future([](error_code ec, const Records&) { return ec; });
const auto code_alone = asio::use_future([](error_code ec) { return ec; });

void try_producer(Findings& child, Producer& producer) {
    const ProducerRecord record{.topic = "t", .value = "from the child", .partition = 0};
    error_code ec;
    producer.produce(record, nullptr, ec);
    child.expect(ec == Errc::_state, "produce with an error_code");
    child.refuses("produce", [&] { producer.produce(record); });
    child.refuses("produce with a handler", [&] { producer.produce(record, [](const Delivery&) {}); });
    child.refuses("produce with a wait", [&] { producer.produce(record, -1ms); });
    child.refuses("poll", [&] { producer.poll(0ms); });
    child.refuses("poll without limit", [&] { producer.poll(-1ms); });
    child.refuses("flush", [&] { producer.flush(-1ms); });
    child.refuses("outstanding", [&] { producer.outstanding(); });
    child.refuses("purge", [&] { producer.purge(); });
    child.refuses("begin_transaction", [&] { producer.begin_transaction(); });
    child.refuses("commit_transaction", [&] { producer.commit_transaction(); });
    child.refuses("close", [&] { producer.close(); });
    child.expect(producer.fatal_error().errc() == Errc::_state, "fatal_error");
    child.completes("async_send", producer.async_send(record, code_of_report));
    child.completes("async_flush", producer.async_flush(code_alone));
    child.completes("async_init_transactions", producer.async_init_transactions(code_alone));
}

void try_consumer(Findings& child, Consumer& consumer) {
    child.refuses("assign", [&] { consumer.assign({{"t", 0, offset_beginning}}); });
    child.refuses("unassign", [&] { consumer.unassign(); });
    child.refuses("assignment", [&] { consumer.assignment(); });
    child.refuses("seek", [&] { consumer.seek({"t", 0, 0}); });
    child.refuses("pause", [&] { consumer.pause({{"t", 0}}); });
    child.refuses("resume", [&] { consumer.resume({{"t", 0}}); });
    child.refuses("position", [&] { consumer.position({{"t", 0}}); });
    child.refuses("poll", [&] { consumer.poll(0ms); });
    child.refuses("poll without limit", [&] { consumer.poll(-1ms); });
    child.refuses("consume", [&] { consumer.consume(5, 1s); });
    child.refuses("poll_records", [&] { consumer.poll_records(1s); });
    child.refuses("query_watermarks", [&] { consumer.query_watermarks({"t", 0}, 1s); });
    child.refuses("cached_watermarks", [&] { consumer.cached_watermarks({"t", 0}); });
    child.refuses("offsets_for_times", [&] { consumer.offsets_for_times({{"t", 0, 0}}, 1s); });
    child.refuses("close", [&] { consumer.close(); });
    child.completes("async_poll_records", consumer.async_poll_records(code_of_records));
}

void try_admin(Findings& child, AdminClient& admin) {
    child.refuses("list_topics", [&] { admin.list_topics({}, -1ms); });
    child.refuses("create_topics", [&] { admin.create_topics({{.name = "x"}}, 1s); });
    child.refuses("delete_topics", [&] { admin.delete_topics({"t"}, 1s); });
    child.completes("async_list_topics", admin.async_list_topics({}, asio::use_future([](error_code ec, const ClusterDescription&) {
                                                                     return ec;
                                                                 })));
    child.completes(
        "async_delete_topics",
        admin.async_delete_topics({"t"}, asio::use_future([](error_code ec, const TopicResults&) { return ec; })));
}

void try_new_clients(Findings& child, const Config& config) {
    Producer producer(config);
    auto sent = producer.async_send({.topic = "children", .value = "new", .partition = 0}, asio::use_future);
    child.expect(sent.wait_for(10s) == std::future_status::ready, "the child's own producer hangs");
    const auto report = sent.get();
    producer.close(10s);
    Consumer consumer(config);
    consumer.assign({{"children", 0, report.offset}});
    const auto message = consumer.poll(10s);
    child.expect(message && !message->error() && message->value() == Bytes("new"), "the child's own consumer reads nothing");
    AdminClient admin(config);
    child.expect(!admin.list_topics({}, 10s).topics.empty(), "the child's own admin client lists nothing");
}

/// The clients of a process, at one place, so that a test can say when they are destroyed.
struct Clients {
    explicit Clients(ProducerWorld& world, const Engine& engine)
        : producer(world.config(), engine), consumer(reading(world), engine), admin(reading(world), engine) {
        consumer.assign({{"t", 0, offset_beginning}});
    }
    Producer producer;
    Consumer consumer;
    AdminClient admin;
};

std::unique_ptr<Clients>& at_exit() { // destroyed by exit()
    static std::unique_ptr<Clients> clients;
    return clients;
}

} // namespace

TEST_CASE("a child can do nothing with its parent's clients, and the parent goes on over the same connections") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.create_topic("children", 1);
    const Engine engine;
    Clients clients(world, engine);
    Traffic traffic(world, clients.producer);
    REQUIRE(clients.consumer.poll(10s));
    clients.admin.list_topics({}, 10s);
    const auto connections = world.cluster.connection_count();

    for (int i = 0; i < 5; ++i)
        CHECK(in_child([&](Findings& child) {
            try_producer(child, clients.producer);
            try_consumer(child, clients.consumer);
            try_admin(child, clients.admin);
            child.refuses("a producer on the parent's engine", [&] { const Producer again(world.config(), engine); });
            child.refuses("a consumer on the parent's engine", [&] { const Consumer again(world.config(), engine); });
            child.refuses("an admin client on the parent's engine", [&] { const AdminClient again(world.config(), engine); });
            child.refuses("the parent's cluster", [&] { world.cluster.create_topic("x", 1); });
        }) == "");

    traffic.flush();
    clients.admin.list_topics({}, 10s);
    for (int64_t read = 1; read < world.cluster.offsets("t", 0)->second; ++read) {
        const auto message = clients.consumer.poll(10s);
        REQUIRE(message);
        REQUIRE(message->value() == Bytes("m" + std::to_string(read)));
    }
    CHECK(world.cluster.connection_count() == connections);
    traffic.check();
}

TEST_CASE("a child makes clients of its own") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.create_topic("children", 1);
    Producer producer(world.config());
    Traffic traffic(world, producer);
    for (int i = 0; i < 3; ++i)
        CHECK(in_child([&](Findings& child) {
            try_new_clients(child, reading(world));
            try_producer(child, producer);
        }) == "");
    CHECK(world.cluster.offsets("children", 0)->second == 3);
    traffic.check();
}

TEST_CASE("a child may fork in its turn: its own clients are those of a parent then") {
    ProducerWorld world;
    world.cluster.create_topic("children", 1);
    Producer producer(world.config());
    CHECK(in_child([&](Findings& child) {
        Producer own(world.config());
        own.async_send({.topic = "children", .value = "a", .partition = 0}, asio::use_future).get();
        const pid_t grandchild = ::fork();
        if (grandchild == 0) {
            ::alarm(20);
            Findings below;
            try_producer(below, own);
            try_producer(below, producer);
            ::_exit(below.wrong().empty() ? 0 : 1);
        }
        int status = 1;
        ::waitpid(grandchild, &status, 0);
        child.expect(status == 0, "the grandchild finds something wrong");
        own.async_send({.topic = "children", .value = "b", .partition = 0}, asio::use_future).get();
        own.close(10s);
    }) == "");
    CHECK(world.cluster.offsets("children", 0)->second == 2);
}

TEST_CASE("a child may destroy the handles, in any order and with messages unsent, and exit as it likes") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    Producer producer(world.config());
    Traffic traffic(world, producer);

    SECTION("destroyed") {
        for (int i = 0; i < 5; ++i) {
            auto engine = std::make_unique<Engine>();
            auto clients = std::make_unique<Clients>(world, *engine);
            REQUIRE(clients->consumer.poll(10s));
            clients->producer.produce({.topic = "t2", .value = "x"});
            CHECK(in_child([&](Findings&) {
                if (i % 2)
                    engine.reset();
                clients.reset();
                engine.reset();
                const Producer last(std::move(producer)); // moved, then destroyed
            }) == "");
            CHECK(clients->producer.flush(10s) == 0);
        }
    }
    SECTION("assigned to") {
        CHECK(in_child([&](Findings& child) {
            producer = Producer(world.config());
            producer.poll(0ms); // a new one
            Consumer consumer(reading(world));
            consumer = Consumer(reading(world));
            child.expect(consumer.assignment().empty(), "a new consumer");
        }) == "");
    }
    SECTION("exit(), with clients of static storage") {
        const Engine engine;
        at_exit() = std::make_unique<Clients>(world, engine);
        REQUIRE(at_exit()->consumer.poll(10s));
        for (int i = 0; i < 3; ++i)
            CHECK(in_child([](Findings&) {}, [](int status) { std::exit(status); }) == "");
        CHECK(at_exit()->consumer.poll(10s));
        at_exit().reset();
    }
    SECTION("by a signal") {
        CHECK(in_child([](Findings&) {}, [](int) { ::raise(SIGKILL); }) == "the child was ended by signal 9");
    }
    SECTION("by destroying the embedded cluster") {
        CHECK(in_child([](Findings&) {
            auto cluster = std::make_unique<MockCluster>();
            cluster.reset(); // its own ends
        }) == "");
        auto other = std::make_unique<MockCluster>();
        other->create_topic("u", 1);
        CHECK(in_child([&](Findings&) { other.reset(); }) == "");
        CHECK(other->offsets("u", 0)); // the parent's lives
    }
    traffic.check();
}

TEST_CASE("clients in an embedding loop: the child's copy of the loop may run, and may be destroyed") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.create_topic("children", 1);
    auto io = std::make_unique<asio::io_context>(1);
    auto clients = std::make_unique<Clients>(world, Engine(io->get_executor()));
    const auto run_until = [&](const auto& done) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!done() && std::chrono::steady_clock::now() < deadline)
            io->run_for(5ms);
        return done();
    };
    int stored = 0;
    const auto send = [&](int count) {
        for (int i = 0; i < count; ++i)
            clients->producer.async_send(
                {.topic = "t", .value = "m" + std::to_string(stored + i), .partition = 0}, [&](error_code ec, const DeliveryReport&) {
                    stored += !ec;
                });
    };
    send(1);
    REQUIRE(run_until([&] { return stored == 1; }));
    const auto connections = world.cluster.connection_count();

    // As Asio wants it of those who go on with a context after fork.
    const auto forked = [&](bool use_it, const auto& body) {
        io->notify_fork(asio::io_context::fork_prepare);
        const auto wrong = in_child([&](Findings& child) {
            if (use_it)
                io->notify_fork(asio::io_context::fork_child);
            body(child);
        });
        io->notify_fork(asio::io_context::fork_parent);
        return wrong;
    };
    const auto before = stored;
    send(100); // accepted and not sent yet
    CHECK(forked(true, [&](Findings& child) {
        try_producer(child, clients->producer);
        try_consumer(child, clients->consumer);
        try_admin(child, clients->admin);
        io->run_for(200ms); // runs nothing of the old clients
        child.expect(stored == before, "messages were sent by the child");
    }) == "");
    CHECK(forked(true, [&](Findings& child) { // a coroutine hears of it where it runs
        bool heard = false;
        asio::co_spawn(
            *io,
            [&]() -> asio::awaitable<void> {
                try {
                    co_await clients->producer.async_send({.topic = "t", .value = "x"}, asio::use_awaitable);
                } catch (const boost::system::system_error& e) {
                    heard = e.code() == Errc::_state;
                }
            },
            [](const std::exception_ptr&) {});
        child.expect(run_until([&] { return heard; }), "a coroutine");
    }) == "");
    CHECK(forked(false, [&](Findings&) {
        clients.reset();
        io.reset();
    }) == "");
    CHECK(forked(false, [&](Findings&) {
        io.reset();
        clients.reset();
    }) == "");

    REQUIRE(run_until([&] { return stored == before + 100; }));
    CHECK(world.cluster.connection_count() == connections);
    CHECK(forked(true, [&](Findings& child) {
        bool done = false;
        Producer own(world.config(), Engine(io->get_executor())); // a new one in the same loop
        own.async_send({.topic = "children", .value = "x", .partition = 0}, [&](error_code ec, const DeliveryReport&) { done = !ec; });
        child.expect(run_until([&] { return done; }), "the child's own producer in the same loop");
    }) == "");
    CHECK(world.cluster.offsets("children", 0)->second == 1);
    clients.reset();
    CHECK(world.values("t", 0) == numbered(stored));
}

TEST_CASE("a child that is forked on the engine's own thread ends when the callback returns") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    std::atomic<pid_t> child{0};
    struct Forking : ProducerInterceptor {
        explicit Forking(std::atomic<pid_t>& c) : pid(c) {}
        void on_acknowledgement(const Delivery&) override {
            if (armed.exchange(false)) {
                const pid_t forked = ::fork();
                if (forked == 0)
                    ::alarm(10);
                else
                    pid = forked;
            }
        }
        std::atomic<pid_t>& pid;
        std::atomic<bool> armed{false};
    };
    const auto forking = std::make_shared<Forking>(child);
    Producer producer(world.config(), {.interceptors = {forking}});
    Traffic traffic(world, producer);
    const auto connections = world.cluster.connection_count();
    const auto reap = [&] {
        while (child == 0)
            std::this_thread::sleep_for(1ms);
        int status = 0;
        REQUIRE(::waitpid(child.exchange(0), &status, 0) > 0);
        return status;
    };

    forking->armed = true; // in the middle of a turn
    CHECK(reap() == 0);
    producer.async_send({.topic = "t", .value = "n/a", .partition = 1}, [&](error_code, const DeliveryReport&) { // and outside
        const pid_t forked = ::fork();
        if (forked == 0)
            ::alarm(10);
        else
            child = forked;
    });
    CHECK(reap() == 0);

    traffic.flush();
    CHECK(world.cluster.connection_count() == connections);
    traffic.check();
}

TEST_CASE("serializing producers and interceptors keep still in a child, too") {
    ProducerWorld world;
    struct Counting : ProducerInterceptor {
        void on_send(ProducerRecord&, Memory) override { ++sent; }
        void on_close() override { ++closed; }
        std::atomic<int> sent{0};
        std::atomic<int> closed{0};
    };
    const auto counting = std::make_shared<Counting>();
    auto producer = std::make_unique<SerializingProducer<int32_t, std::string>>(
        world.config(), IntegerSerializer(), StringSerializer(), ProducerOptions{.interceptors = {counting}});
    producer->produce("t", 1, "a");
    REQUIRE(producer->flush(10s) == 0);
    CHECK(in_child([&](Findings& child) {
        child.refuses("produce", [&] { producer->produce("t", 1, "a"); });
        child.completes("async_send", producer->async_send("t", 1, "a", {}, code_of_report));
        producer.reset();
        child.expect(counting->closed == 0, "on_close was called");
    }) == "");
    CHECK(producer->outstanding() == 0);
    producer.reset();
    CHECK(counting->closed == 1);
    CHECK(counting->sent == 1);
}
