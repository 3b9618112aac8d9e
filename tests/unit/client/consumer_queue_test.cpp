// What goes away with a queue may itself want the queue.
#include "client/consumer_queue.hpp"

#include "base/memory_budget.hpp"
#include "catch.hpp"

using namespace ottla;
using namespace ottla::client;

TEST_CASE("memory that is given back with a forgotten stream ends waits", "[consumer][memory]") {
    ConsumerQueue queue([] {});
    int rooms = 0;
    const auto budget = std::make_shared<MemoryBudget>(1000, [&] {
        ++rooms;
        queue.interrupt_all();
    });
    queue.set_apart(1, std::make_shared<Arrivals>());
    queue.deliver({1, core::FetchedSlice{.records = budget->count(Buffer::allocate(900), MemoryBudget::Kind::received)}});
    CHECK(budget->room_to_receive(0, 100) == 0); // somebody waits for room
    queue.forget(1);
    CHECK(rooms == 1);
    CHECK(budget->used() == 0);
}

TEST_CASE("nothing of a forgotten stream is kept for its reader", "[consumer][memory]") {
    ConsumerQueue queue([] {});
    const auto budget = std::make_shared<MemoryBudget>(1000);
    const auto reader = std::make_shared<Arrivals>();
    queue.set_apart(1, reader);
    queue.deliver({1, core::FetchedSlice{.records = budget->count(Buffer::allocate(900), MemoryBudget::Kind::received)}});
    queue.forget(1);
    CHECK(budget->used() == 0);
}

TEST_CASE("trouble that nobody hears of is kept once", "[consumer]") {
    ConsumerQueue queue([] {});
    const auto tell = [&](core::StreamId stream, Errc code, int64_t offset) {
        queue.deliver({stream, core::PartitionFailure{Error(code), offset}});
    };
    for (int i = 0; i < 3; ++i) {
        tell(1, Errc::_bad_msg, 5);
        tell(2, Errc::_bad_msg, 5);
        tell(1, Errc::topic_authorization_failed, 5);
    }
    tell(1, Errc::_bad_msg, 6);
    std::vector<core::FetchEvent> taken;
    CHECK(queue.take(taken));
    CHECK(taken.size() == 4);
    taken.clear();
    tell(1, Errc::_bad_msg, 6); // that of before has been heard
    CHECK(queue.take(taken));
    CHECK(taken.size() == 1);
}
