// Router and metadata together, in virtual time, against scripted brokers.
#include "core/cluster/router.hpp"

#include <set>

#include <ottla/msg/create_topics.hpp>
#include <ottla/msg/list_offsets.hpp>

#include "catch.hpp"
#include "unit/core/fake_network.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace std::chrono_literals;

namespace {

struct Events final : ClusterEvents {
    void on_error(const Error& error) override { errors.push_back(error); }
    void on_log(int level, std::string_view, std::string_view text) override {
        if (level <= 4)
            warnings.emplace_back(text);
    }
    void on_throttle(std::string_view, int32_t node, std::chrono::milliseconds time) override { throttles.emplace_back(node, time.count()); }
    std::vector<std::pair<int32_t, int64_t>> throttles;
    std::vector<Error> errors;
    std::vector<std::string> warnings;
};

config::ClientConfig make_config(std::vector<config::HostPort> servers) {
    config::ClientConfig config;
    config.bootstrap_servers = std::move(servers);
    return config;
}

// Brokers 1 and 2 at b1:9092 and b2:9092; "t" has partition 0 on broker 1 and partition 1 on broker 2.
struct World {
    explicit World(config::ClientConfig c = make_config({{"boot", 9092}})) : config(std::move(c)) {
        auto links = std::make_unique<test::FakeNetwork>();
        network = links.get();
        cluster = std::make_unique<Cluster>(scheduler, std::move(links), config, events, 7);
    }

    void run() { next = scheduler.run(now); }
    void advance(Duration by) {
        now += by;
        run();
    }

    test::FakeLink* link_to(const std::string& host) {
        for (auto* link : network->links)
            if (link->host == host)
                return link;
        return nullptr;
    }

    /// Opens every link that is opening and answers ApiVersions and Metadata until nothing more is asked.
    /// Other requests are collected.
    void serve() {
        for (int round = 0; round < 20; ++round) {
            run();
            bool busy = false;
            for (auto* link : std::vector(network->links)) {
                if (!link->alive() || refuse.contains(link->host))
                    continue;
                if (!link->opened) {
                    link->opened = true;
                    busy = true;
                    link->user->on_open(now);
                }
                if (!link->alive())
                    continue;
                for (auto& seen : link->requests(now)) {
                    busy = true;
                    link->backlog.push_back(std::move(seen));
                    if (link->backlog.size() == 1)
                        answer_next(*link);
                }
            }
            for (auto* link : std::vector(network->links))
                if (link->alive() && refuse.contains(link->host)) {
                    busy = true;
                    link->user->on_closed(Error(Errc::_transport, "connect to " + link->host + " failed: refused"), now);
                }
            if (!busy)
                break;
        }
        run();
    }

    /// Answers what waits at the link, up to the next request that the test answers itself.
    void answer_next(test::FakeLink& link) {
        while (link.alive() && !link.backlog.empty()) {
            const test::SeenRequest first = link.backlog.front();
            answer(link, first);
            if (first.api() != msg::ApiKey::api_versions && first.api() != msg::ApiKey::metadata)
                return;
            if (link.alive())
                link.backlog.pop_front();
        }
    }

    void answer(test::FakeLink& link, const test::SeenRequest& seen) {
        if (seen.api() == msg::ApiKey::api_versions) {
            msg::ApiVersionsResponse response;
            for (int16_t key = 0; key < 60; ++key) {
                auto& api = response.api_keys.emplace_back();
                api.api_key = key;
                api.max_version = key == 19 ? int16_t{1} : key == 3 ? metadata_max : int16_t{7};
            }
            link.answer(seen, response, now);
        } else if (seen.api() == msg::ApiKey::metadata) {
            ++metadata_requests;
            link.answer(seen, metadata(seen.as<msg::MetadataRequest>()), now);
        } else {
            others.emplace_back(link.host, seen);
        }
    }

    msg::MetadataResponse metadata(const msg::MetadataRequest& request) {
        msg::MetadataResponse response;
        for (int32_t id : brokers) {
            auto& broker = response.brokers.emplace_back();
            broker.node_id = id;
            broker.host = broker_prefix + std::to_string(id);
            broker.port = 9092;
        }
        response.controller_id = metadata_max > 0 ? 2 : -1;
        std::vector<msg::metadata_request::MetadataRequestTopic> all(1);
        all[0].name = "t";
        for (const auto& asked : request.topics && !(metadata_max == 0 && request.topics->empty()) ? *request.topics : all) {
            auto& topic = response.topics.emplace_back();
            topic.name = asked.name;
            if (asked.name != "t") {
                topic.error_code = static_cast<int16_t>(Errc::unknown_topic_or_part);
                continue;
            }
            for (int32_t i : {0, 1}) {
                auto& partition = topic.partitions.emplace_back();
                partition.partition_index = i;
                partition.leader_id = leaders[static_cast<size_t>(i)];
                partition.leader_epoch = epoch;
            }
        }
        return response;
    }

    void ask_offsets(Route route, CallOptions options = {}) {
        msg::ListOffsetsRequest request;
        request.replica_id = -1;
        auto& topic = request.topics.emplace_back();
        topic.name = "t";
        topic.partitions.emplace_back();
        call<msg::ListOffsetsRequest>(
            cluster->caller(), std::move(route), std::move(request), options, scope,
            [this](CallResult<msg::ListOffsetsResponse> result, TimePoint) { results.push_back(std::move(result)); },
            [](const msg::ListOffsetsResponse& response) {
                return static_cast<Errc>(response.topics.at(0).partitions.at(0).error_code);
            });
    }

    void reply_offsets(size_t index, Errc error = Errc::no_error) {
        auto& [host, seen] = others.at(index);
        msg::ListOffsetsResponse response;
        response.throttle_time_ms = throttle_ms;
        auto& partition = response.topics.emplace_back().partitions.emplace_back();
        partition.error_code = static_cast<int16_t>(error);
        partition.offset = 42;
        test::FakeLink& link = *link_to(host);
        link.backlog.pop_front();
        link.answer(seen, response, now);
        if (link.alive())
            answer_next(link);
        run();
    }

    config::ClientConfig config;
    Events events;
    Scheduler scheduler;
    test::FakeNetwork* network = nullptr;
    std::unique_ptr<Cluster> cluster;
    CallScope scope;
    TimePoint now{1h};
    TimePoint next{};
    std::set<std::string> refuse;
    std::vector<std::pair<std::string, test::SeenRequest>> others;
    std::vector<CallResult<msg::ListOffsetsResponse>> results;
    std::vector<int32_t> brokers = {1, 2};
    std::string broker_prefix = "b";
    std::vector<int32_t> leaders = {1, 2};
    int32_t epoch = 3;
    int16_t metadata_max = 7;
    int32_t throttle_ms = 0; ///< in answers to ListOffsets
    int metadata_requests = 0;
};

} // namespace

TEST_CASE("a call goes to the leader, found through the bootstrap address", "[router]") {
    World world;
    world.ask_offsets(Leader{"t", 1});
    world.serve();

    REQUIRE(world.others.size() == 1);
    CHECK(world.others[0].first == "b2");
    world.reply_offsets(0);
    REQUIRE(world.results.size() == 1);
    CHECK(world.results[0]->node == 2);
    CHECK(world.results[0]->response.topics.at(0).partitions.at(0).offset == 42);
}

TEST_CASE("a broker that has another address now is spoken to there", "[router]") {
    World world;
    world.ask_offsets(Leader{"t", 1});
    world.serve();
    world.reply_offsets(0);
    world.ask_offsets(Leader{"t", 1});
    world.serve();
    REQUIRE(world.others.size() == 2);
    CHECK(world.others[1].first == "b2");
    world.broker_prefix = "c";
    world.epoch = 4;
    world.reply_offsets(1, Errc::not_leader_for_partition); // has metadata asked for
    for (int i = 0; i < 20 && world.others.size() < 3; ++i) {
        world.advance(100ms);
        world.serve();
    }
    REQUIRE(world.others.size() == 3);
    CHECK(world.others[2].first == "c2");
    CHECK_FALSE((world.link_to("b2") && world.link_to("b2")->alive()));
    world.reply_offsets(2);
    REQUIRE(world.results.size() == 2);
    CHECK(world.results[1]->node == 2);
}

TEST_CASE("a throttled connection keeps quiet for as long as the broker wants, others go on", "[router]") {
    World world;
    world.ask_offsets(Leader{"t", 0});
    world.serve();
    world.throttle_ms = 500;
    world.reply_offsets(0);
    CHECK(world.events.throttles == std::vector<std::pair<int32_t, int64_t>>{{1, 500}});

    world.ask_offsets(Leader{"t", 0});
    world.ask_offsets(Leader{"t", 1});
    world.serve();
    REQUIRE(world.others.size() == 2);
    CHECK(world.others[1].first == "b2");
    CHECK(world.next == world.now + 500ms);
    world.advance(500ms);
    world.serve();
    REQUIRE(world.others.size() == 3);
    CHECK(world.others[2].first == "b1");
}

TEST_CASE("the bootstrap connection is given up once the brokers are known", "[router]") {
    World world;
    world.ask_offsets(Leader{"t", 1});
    world.serve();
    CHECK(world.link_to("boot") == nullptr);
    CHECK(world.link_to("b2") != nullptr);
}

TEST_CASE("a stale leader is looked up anew", "[router]") {
    World world;
    world.ask_offsets(Leader{"t", 0});
    world.serve();
    REQUIRE(world.others.size() == 1);
    CHECK(world.others[0].first == "b1");

    world.leaders[0] = 2;
    world.epoch = 4;
    world.reply_offsets(0, Errc::not_leader_for_partition);
    CHECK(world.results.empty());
    for (int i = 0; i < 10 && world.others.size() < 2; ++i) {
        world.advance(100ms);
        world.serve();
    }
    REQUIRE(world.others.size() == 2);
    CHECK(world.others[1].first == "b2");
    world.reply_offsets(1);
    CHECK(world.results.at(0).has_value());
}

TEST_CASE("an unknown topic or partition ends a call with its name", "[router]") {
    World world;
    SECTION("topic") {
        world.ask_offsets(Leader{"nobody", 0});
        world.serve();
        REQUIRE(world.results.size() == 1);
        CHECK(world.results[0].error().errc() == Errc::unknown_topic_or_part);
        CHECK_THAT(world.results[0].error().message(), ContainsSubstring("nobody[0]"));
    }
    SECTION("partition") {
        world.ask_offsets(Leader{"t", 9});
        world.serve();
        REQUIRE(world.results.size() == 1);
        CHECK(world.results[0].error().errc() == Errc::_unknown_partition);
    }
}

TEST_CASE("a lost connection is tried again unless the call forbids it", "[router]") {
    World world;
    CallOptions options;
    options.retry = GENERATE(true, false);
    world.ask_offsets(Leader{"t", 0}, options);
    world.serve();
    REQUIRE(world.others.size() == 1);
    world.link_to("b1")->user->on_closed(Error(Errc::_transport, "cut"), world.now);
    world.run();

    if (!options.retry) {
        REQUIRE(world.results.size() == 1);
        CHECK(world.results[0].error().maybe_sent);
        return;
    }
    CHECK(world.results.empty());
    for (int i = 0; i < 10 && world.others.size() < 2; ++i) {
        world.advance(100ms);
        world.serve();
    }
    REQUIRE(world.others.size() == 2);
    world.reply_offsets(1);
    CHECK(world.results.at(0).has_value());
}

TEST_CASE("calls that wait for a broker do not wait on when the cluster has lost it", "[router]") {
    auto config = make_config({{"boot", 9092}});
    config.reconnect_backoff = 2s; // the news comes before the next attempt
    World world(config);
    world.cluster->metadata().want("t");
    world.ask_offsets(Leader{"t", 0});
    world.serve();
    world.reply_offsets(0);
    world.link_to("b1")->user->on_closed(Error(Errc::_transport, "cut"), world.now);

    CallOptions options;
    options.retry = GENERATE(true, false);
    world.ask_offsets(options.retry ? Route(Leader{"t", 0}) : Route(Node{1}), options);
    world.run();
    world.brokers = {2};
    world.leaders = {2, 2};
    world.epoch = 4;
    for (int i = 0; i < 10 && world.others.size() < 2 && world.results.size() < 2; ++i) {
        world.serve();
        world.advance(100ms);
    }

    if (options.retry) {
        REQUIRE(world.others.size() == 2);
        CHECK(world.others[1].first == "b2");
    } else {
        REQUIRE(world.results.size() == 2);
        CHECK(world.results[1].error().errc() == Errc::_unknown_broker);
        CHECK_FALSE(world.results[1].error().maybe_sent);
    }
}

TEST_CASE("unreachable brokers end a call at its deadline with the last failure", "[router]") {
    World world(make_config({{"x", 1}, {"y", 2}}));
    world.refuse = {"x", "y"};
    CallOptions options;
    options.timeout = 5s;
    world.ask_offsets(AnyBroker{}, options);
    int steps = 0;
    while (world.results.empty() && steps++ < 200) {
        world.serve();
        world.now = std::min(std::max(world.next, world.now + 1ms), world.now + 1s);
    }
    REQUIRE(world.results.size() == 1);
    CHECK(world.results[0].error().errc() == Errc::_transport);
    CHECK_THAT(world.results[0].error().message(), ContainsSubstring("refused"));
    CHECK_FALSE(world.results[0].error().maybe_sent);
    const auto down = std::count_if(world.events.errors.begin(), world.events.errors.end(), [](const Error& e) {
        return e.errc() == Errc::_all_brokers_down;
    });
    CHECK(down == 1);
    // Backing off: far fewer attempts than the time would allow.
    CHECK(world.network->opened < 30);
}

TEST_CASE("a call that waits for a silent peer names it when its time is up", "[router]") {
    World world;
    CallOptions options;
    options.timeout = 5s;
    const auto complaint_of_next = [&] {
        world.results.clear();
        world.ask_offsets(AnyBroker{}, options);
        world.run();
        world.advance(5s);
        return world.results.at(0).error().message();
    };
    CHECK_THAT(complaint_of_next(), ContainsSubstring("boot:9092/bootstrap has not accepted the connection"));
    world.link_to("boot")->opened = true;
    world.link_to("boot")->user->on_open(world.now);
    CHECK_THAT(complaint_of_next(), ContainsSubstring("boot:9092/bootstrap has accepted the connection but does not answer"));
    CHECK(world.results.at(0).error().errc() == Errc::_timed_out);
}

TEST_CASE("one dead bootstrap address does not hold up the others", "[router]") {
    World world(make_config({{"dead", 1}, {"boot", 9092}}));
    world.refuse = {"dead"};
    world.ask_offsets(Leader{"t", 0});
    for (int i = 0; i < 20 && world.others.empty(); ++i) {
        world.serve();
        world.advance(50ms);
    }
    CHECK(world.others.size() == 1);
}

TEST_CASE("an address that swallows packets is given a second, then another is tried", "[router]") {
    World world(make_config({{"hole", 1}, {"boot", 9092}}));
    world.ask_offsets(Leader{"t", 0});
    // Nothing ever opens on "hole": serve only the others.
    const auto serve_but_hole = [&] {
        for (auto* link : world.network->links)
            if (link->host == "hole")
                link->opened = true; // as if already opened: stays silent
        world.serve();
    };
    for (int i = 0; i < 40 && world.others.empty(); ++i) {
        world.run();
        serve_but_hole();
        world.advance(100ms);
    }
    CHECK(world.others.size() == 1);
}

TEST_CASE("a call that waits for room on a connection leaves with the answer that makes it", "[router]") {
    auto config = make_config({{"boot", 9092}});
    config.max_in_flight = 1;
    World world(config);
    world.ask_offsets(Leader{"t", 0});
    world.ask_offsets(Leader{"t", 0});
    world.serve();
    REQUIRE(world.others.size() == 1);

    world.reply_offsets(0);
    world.serve();

    REQUIRE(world.others.size() == 2);
    world.reply_offsets(1);
    CHECK(world.results.size() == 2);
}

TEST_CASE("an API that the broker lacks is an error that names it", "[router]") {
    World world;
    CallOptions options;
    options.min_version = 5;
    std::vector<CallResult<msg::CreateTopicsResponse>> results;
    call<msg::CreateTopicsRequest>(
        world.cluster->caller(), Controller{}, {}, options, world.scope,
        [&](CallResult<msg::CreateTopicsResponse> r, TimePoint) { results.push_back(std::move(r)); });
    world.serve();
    REQUIRE(results.size() == 1);
    CHECK(results[0].error().errc() == Errc::_unsupported_feature);
    CHECK_THAT(results[0].error().message(), ContainsSubstring("CreateTopics 0-1"));
}

TEST_CASE("a broker too old to name the controller is asked itself, and tells what it lacks", "[router]") {
    World world;
    world.metadata_max = 0;
    CallOptions options;
    options.min_version = 5;
    std::vector<CallResult<msg::CreateTopicsResponse>> results;
    call<msg::CreateTopicsRequest>(
        world.cluster->caller(), Controller{}, {}, options, world.scope,
        [&](CallResult<msg::CreateTopicsResponse> r, TimePoint) { results.push_back(std::move(r)); });
    world.serve();
    REQUIRE(results.size() == 1);
    CHECK(results[0].error().errc() == Errc::_unsupported_feature);
    CHECK_THAT(results[0].error().message(), ContainsSubstring("boot:9092") || ContainsSubstring("b1:9092") || ContainsSubstring("b2:9092"));
}

TEST_CASE("what a broker lacks is told with the release that has it", "[router]") {
    CHECK(release_with(msg::ApiKey::init_producer_id, 0) == "0.11");
    CHECK(release_with(msg::ApiKey::create_topics, 0) == "0.10.1");
    CHECK(release_with(msg::ApiKey::create_topics, 4) == "2.4");
    CHECK(release_with(msg::ApiKey::create_topics, 5) == "");
    CHECK(release_with(msg::ApiKey::join_group, 0) == "");
}

TEST_CASE("a broker of 0.9, which answers nothing at all, is met in its own versions the next time", "[router]") {
    World world;
    world.config.broker_version_fallback = "0.9.0";
    world.config.api_version_request_timeout = 3s;
    world.cluster->metadata().want("t");
    world.metadata_max = 0;
    world.run();
    test::FakeLink* link = world.link_to("boot");
    REQUIRE(link);
    link->opened = true;
    link->user->on_open(world.now);
    CHECK(link->requests(world.now).at(0).api() == msg::ApiKey::api_versions);
    world.advance(2900ms);
    CHECK(world.network->opened == 1);
    world.advance(200ms);
    CHECK_THAT(world.events.errors.at(0).message(), ContainsSubstring("api.version.request=false"));
    world.serve();
    CHECK(world.cluster->metadata().find("t", 1));
}

TEST_CASE("a broker that would create what it is asked for is asked for everything instead", "[metadata]") {
    const int16_t version = GENERATE(int16_t{0}, int16_t{1}, int16_t{2}, int16_t{3}, int16_t{4});
    const bool create = GENERATE(false, true);
    CAPTURE(version, create);
    config::ClientConfig config = make_config({{"boot", 9092}});
    config.allow_auto_create_topics = create;
    World world(config);
    world.metadata_max = version;
    world.cluster->metadata().want("t");
    world.cluster->metadata().want("nope");
    world.run();
    test::FakeLink* link = world.link_to("boot");
    link->opened = true;
    link->user->on_open(world.now);
    world.answer(*link, link->requests(world.now).at(0));
    world.run();

    const auto seen = link->requests(world.now);

    REQUIRE(seen.size() == 1);
    const auto request = seen[0].as<msg::MetadataRequest>();
    if (version >= 4 || create)
        CHECK((request.topics && request.topics->size() == 2));
    else if (version == 0)
        CHECK((request.topics && request.topics->empty()));
    else
        CHECK(!request.topics);
    world.answer(*link, seen[0]);
    world.run();
    CHECK(world.cluster->metadata().find("t", 1));
    REQUIRE(world.cluster->metadata().find("nope"));
    CHECK(world.cluster->metadata().find("nope")->error == Errc::unknown_topic_or_part);
}

TEST_CASE("replies end with their scope", "[router]") {
    World world;
    world.ask_offsets(Leader{"t", 0});
    world.serve();
    world.scope.reset();
    world.reply_offsets(0);
    CHECK(world.results.empty());
}

TEST_CASE("closing ends every call", "[router]") {
    World world;
    world.ask_offsets(Leader{"t", 0});
    world.serve();
    world.ask_offsets(AnyBroker{});
    world.cluster->close(world.now);
    REQUIRE(world.results.size() == 2);
    CHECK(world.results[0].error().maybe_sent);
    CHECK(world.results[1].error().errc() == Errc::_destroy);
    CHECK(world.network->links.empty());
}

TEST_CASE("an idle cluster asks for metadata only when it has grown old", "[metadata]") {
    World world;
    world.cluster->metadata().want("t");
    world.serve();
    CHECK(world.metadata_requests == 1);
    const auto age = world.next - world.now;
    CHECK(age > 4min);
    CHECK(age <= 5min);
    world.advance(age);
    world.serve();
    CHECK(world.metadata_requests == 2);
}

TEST_CASE("a topic that is not there yet is asked for again, ever more slowly", "[metadata]") {
    World world;
    world.cluster->metadata().want("later");
    for (int i = 0; i < 100; ++i) {
        world.serve();
        world.advance(100ms);
    }
    CHECK(world.metadata_requests > 5);
    CHECK(world.metadata_requests < 25);
}

TEST_CASE("whoever waits for a topic is told what is in the way, once and not at once", "[metadata]") {
    World world;
    const auto wait = [&](Duration time) {
        for (const TimePoint end = world.now + time; world.now < end; world.advance(100ms))
            world.serve();
    };
    world.cluster->metadata().want("later");
    world.cluster->metadata().want("t");
    wait(1500ms);
    CHECK(world.events.warnings.empty());
    wait(10s);
    const std::vector<std::string> unknown{"later: " + error_text(Errc::unknown_topic_or_part)};
    CHECK(world.events.warnings == unknown);

    world.cluster->metadata().drop("later");
    world.events.warnings.clear();
    const std::vector<std::string> leaderless{"t[1] has no leader"};
    for (int again = 0; again < 2; ++again) {
        ++world.epoch;
        world.leaders[1] = -1;
        world.cluster->metadata().refresh("test");
        wait(1500ms);
        CHECK(world.events.warnings.empty());
        wait(10s);
        CHECK(world.events.warnings == leaderless);
        world.leaders[1] = 2;
        wait(2s);
        world.events.warnings.clear();
    }
}

TEST_CASE("a broker that lags behind does not take back a newer leader", "[metadata]") {
    World world;
    world.cluster->metadata().want("t");
    world.serve();
    world.cluster->metadata().hint_leader("t", 0, 2, 9);
    CHECK(world.cluster->metadata().find("t", 0)->leader == 2);
    world.cluster->metadata().refresh("test");
    world.advance(1s);
    world.serve();
    CHECK(world.cluster->metadata().find("t", 0)->leader == 2);
    world.epoch = 10;
    world.cluster->metadata().refresh("test");
    world.advance(1s);
    world.serve();
    CHECK(world.cluster->metadata().find("t", 0)->leader == 1);
}
