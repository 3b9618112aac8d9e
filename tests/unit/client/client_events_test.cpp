// What waits to be served to the application.
#include "client/client_events.hpp"

#include <stdexcept>

#include "catch.hpp"

using namespace ottla;
using namespace ottla::client;

TEST_CASE("what waits behind a callback that throws is served by the next call", "[events]") {
    std::vector<std::string> told;
    Observers observers;
    observers.on_throttle = [&](const ThrottleEvent& event) { told.push_back("throttled by " + event.broker); };
    observers.on_commit = [&](const Error&, const std::vector<CommittedOffset>& offsets) {
        told.push_back("committed " + std::to_string(offsets.at(0).offset));
    };
    observers.on_statistics = [&](std::string_view) { told.emplace_back("statistics"); };
    ClientEvents events(
        config::ClientConfig(), ClientKind::consumer, [](int, std::string_view, std::string_view, std::string_view) {},
        [&](const KafkaError& e) {
            told.push_back(e.name());
            if (e.code() == Errc::_transport)
                throw std::runtime_error("the application's");
        },
        std::move(observers)
    );
    int rung = 0;
    events.set_waker([&] { ++rung; });
    events.on_error(Error(Errc::_transport));
    events.on_error(Error(Errc::_resolve));
    events.on_throttle("b1", 1, std::chrono::milliseconds(5));
    CommittedOffset offset;
    offset.offset = 7;
    events.on_commit({}, {offset});
    events.on_metrics({});
    rung = 0;
    CHECK_THROWS_AS(events.serve(), std::runtime_error);
    CHECK(rung == 1);
    CHECK(events.pending());
    offset.offset = 8;
    events.on_commit({}, {offset});
    CHECK(events.serve() == 5);
    CHECK(told == std::vector<std::string>{"_TRANSPORT", "_RESOLVE", "throttled by b1", "committed 7", "committed 8", "statistics"});
    CHECK_FALSE(events.pending());
}
