#include "base/fork.hpp"

#include <memory>
#include <optional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "catch.hpp"

using namespace ottla;

namespace {

/// The child's status when `good` tells whether all is well there.
template <class F>
int status_of_child(F good) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::_exit(good() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}

} // namespace

TEST_CASE("a mark is raised in children that are forked while it exists, and in them only") {
    std::atomic<bool> alive{true};
    ForkMark mark(&alive);
    auto passing = std::make_unique<ForkMark>();
    const ForkMark last;
    passing.reset();
    CHECK(status_of_child([&] {
        const ForkMark own;
        const bool own_child = status_of_child([&] { return own.raised() && mark.raised(); }) == 0;
        return mark.raised() && last.raised() && !alive && !own.raised() && own_child;
    }) == 0);
    CHECK(!mark.raised());
    CHECK(!last.raised());
    CHECK(alive);
}

TEST_CASE("marks may lie where a child puts other things: on the stacks of threads that it does not have") {
    std::atomic<int> stage{0};
    std::thread other([&] {
        const ForkMark mark;
        stage = 1;
        while (stage != 2)
            std::this_thread::yield();
    });
    while (stage != 1)
        std::this_thread::yield();
    CHECK(status_of_child([] {
        std::optional<ForkMark> again[16];
        for (int i = 0; i < 4; ++i)
            std::thread([] { const ForkMark mark; }).join(); // on the old stack
        for (auto& mark : again)
            mark.emplace();
        return status_of_child([&] { return again[0]->raised() && again[15]->raised(); }) == 0;
    }) == 0);
    stage = 2;
    other.join();
}

TEST_CASE("what is kept for ever is not destroyed") {
    auto object = std::make_shared<int>(5);
    const std::weak_ptr<int> watching = object;
    keep_for_ever(std::move(object));
    CHECK(watching.lock());
}
