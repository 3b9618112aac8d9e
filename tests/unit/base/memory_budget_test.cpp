#include "base/memory_budget.hpp"

#include "catch.hpp"

using namespace ottla;
using Kind = MemoryBudget::Kind;

namespace {

struct World {
    explicit World(int64_t limit) : budget(std::make_shared<MemoryBudget>(limit, [this] { ++rooms; })) {}
    int rooms = 0;
    std::shared_ptr<MemoryBudget> budget;
};

} // namespace

TEST_CASE("memory counts until its last reference is gone, also without the budget's owner", "[memory]") {
    World world(1000);
    Buffer part;
    {
        const Buffer whole = world.budget->count(Buffer::allocate(300), Kind::received);
        CHECK(world.budget->used() >= 300);
        part = whole.slice(10, 5);
    }
    CHECK(world.budget->used() >= 300);
    const std::weak_ptr<MemoryBudget> weak = world.budget;
    world.budget.reset();
    CHECK_FALSE(weak.expired());
    part = Buffer();
    CHECK(weak.expired());
}

TEST_CASE("slices of a frame count once", "[memory]") {
    World world(1000);
    const Buffer frame = Buffer::allocate(400);
    const Buffer other = Buffer::allocate(100);
    CountFrames count(world.budget.get());
    Buffer a = count(frame.slice(0, 10));
    Buffer b = count(frame.slice(20, 30));
    CHECK(a == frame.slice(0, 10));
    CHECK(b == frame.slice(20, 30));
    const int64_t one = world.budget->used();
    CHECK(one == static_cast<int64_t>(frame.block()->capacity));
    const Buffer c = count(other.slice(0, 100));
    CHECK(world.budget->used() == one + static_cast<int64_t>(other.block()->capacity));
    a = b = Buffer();
    count = CountFrames(nullptr);
    CHECK(world.budget->used() == static_cast<int64_t>(other.block()->capacity));
    CHECK(count(other).block() == other.block());
}

TEST_CASE("one thing may always be prepared; who is refused hears when there is room", "[memory]") {
    World world(1000);
    CHECK(world.budget->admit(5000));
    auto first = world.budget->charge(5000);
    CHECK_FALSE(world.budget->admit(1));
    CHECK(world.rooms == 0);
    first.reset();
    CHECK(world.rooms == 1);
    first = world.budget->charge(600);
    CHECK(world.budget->admit(400));
    CHECK_FALSE(world.budget->admit(401));
    first.reset();
    CHECK(world.rooms == 2);
    CHECK(world.budget->admit(401));
    first = world.budget->charge(1);
    first.reset();
    CHECK(world.rooms == 2); // nobody waited
    first = world.budget->charge(1001);
    CHECK_FALSE(world.budget->admit(1));
    world.budget->close();
    first.reset();
    CHECK(world.rooms == 2);
}

TEST_CASE("receiving leaves a quarter for decompression", "[memory]") {
    World world(1000);
    CHECK(world.budget->room_to_receive(0, 100) == 750);
    CHECK(world.budget->room_to_receive(600, 100) == 150);
    CHECK(world.budget->room_to_receive(700, 100) == 0);
    CHECK(world.budget->room_to_receive(0, 2000) == 2000); // one may always come
    auto held = world.budget->charge(700);
    CHECK(world.budget->room_to_receive(0, 100) == 0);
    held.reset();
    CHECK(world.rooms == 1);
}

TEST_CASE("who hears that memory is spent may give some back at once", "[memory]") {
    std::shared_ptr<void> held;
    int rooms = 0;
    const auto budget = std::make_shared<MemoryBudget>(1000, [&] { ++rooms; }, [&](const MemoryBudget&) { held.reset(); });
    held = budget->charge(1000);
    CHECK_FALSE(budget->admit(1));
    budget->tell_spent();
    CHECK(budget->used() == 0);
    CHECK(rooms == 1);
}
