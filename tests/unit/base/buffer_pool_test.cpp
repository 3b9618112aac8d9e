#include "base/buffer_pool.hpp"

#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "catch.hpp"

using namespace ottla;

namespace {

constexpr size_t mb = 1024 * 1024;

} // namespace

TEST_CASE("memory that was given back is used again for about the same size, and for no other") {
    BufferPool pool(4 * mb);
    const uint8_t* first = nullptr;
    {
        Buffer buffer = pool.allocate(mb);
        first = buffer.data();
        CHECK(buffer.size() == mb);
        std::memset(buffer.mutable_data(), 7, mb);
    }
    CHECK(pool.allocate(mb - 1000).data() == first);
    CHECK(pool.allocate(mb / 2).data() == first);
    CHECK(pool.allocate(mb / 2 - 1).data() != first); // would waste more than half
    CHECK(pool.allocate(mb + 100'000).data() != first);
}

TEST_CASE("memory that is still in use is not given out") {
    BufferPool pool(4 * mb);
    Buffer one = pool.allocate(mb);
    const Buffer part = one.slice(10, 20);
    const Buffer two = pool.allocate(mb);
    CHECK(two.data() != one.data());
    const uint8_t* first = one.data();
    one = {};
    CHECK(pool.allocate(mb).data() != first); // the slice holds it
}

TEST_CASE("a pool keeps no more than it may") {
    BufferPool pool(2 * mb);
    std::vector<Buffer> out;
    for (int i = 0; i < 3; ++i)
        out.push_back(pool.allocate(mb));
    std::vector<const uint8_t*> kept{out[0].data(), out[1].data()};
    out.clear();
    const Buffer a = pool.allocate(mb);
    const Buffer b = pool.allocate(mb);
    CHECK(a.data() == kept[1]); // the warmest first
    CHECK(b.data() == kept[0]);
}

TEST_CASE("buffers outlive their pool, and may be dropped by other threads") {
    auto pool = std::make_optional<BufferPool>(4 * mb);
    Buffer buffer = pool->allocate(mb);
    std::thread other([moved = pool->allocate(mb)]() mutable { moved = {}; });
    pool.reset();
    std::memset(buffer.mutable_data(), 1, buffer.size());
    other.join();
    CHECK(buffer.data()[mb - 1] == 1);
}
