// That the simulation is what it claims to be: the same for the same seed, quiet when nothing goes wrong, and
// sharp enough to find every planted bug. Seeds that once found a bug in the library are kept here by name.
#include "catch.hpp"
#include "sim/planted.hpp"
#include "sim/workload.hpp"

using namespace ottla::sim;

TEST_CASE("the same seed gives the same transcript, another one does not") {
    for (const Workload& workload : workloads()) {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            CAPTURE(workload.name, seed);
            const RunResult once = workload.run({.seed = seed, .transcript_lines = 100'000});
            const RunResult again = workload.run({.seed = seed, .transcript_lines = 100'000});
            CHECK(once.transcript == again.transcript);
            CHECK(once.hash == again.hash);
            CHECK(workload.run({.seed = seed + 1000}).hash != once.hash);
        }
    }
}

TEST_CASE("without trouble every message is acknowledged and nothing is injected") {
    for (const Workload& workload : workloads()) {
        for (uint64_t seed = 1; seed <= 50; ++seed) {
            CAPTURE(workload.name, seed);
            const RunResult result = workload.run({.seed = seed, .transcript_lines = 100, .trouble = false});
            CHECK(result.violation == "");
            if (workload.name != "transactional") // transactions that are aborted drop messages
                CHECK(result.acknowledged == result.messages);
            for (const Fault fault :
                 {Fault::cut, Fault::crash, Fault::move_leader, Fault::error, Fault::clog})
                CHECK(result.faults[fault] == 0);
        }
    }
}

TEST_CASE("worlds in which a bug was found once are clean") {
    // Which bugs: docs/RELIABILITY.md. The worlds have changed since; the unit tests named there guard the
    // fixes.
    for (const uint64_t seed : {23, 40, 403, 1265, 1644, 1702, 3733, 8607, 19306}) {
        CAPTURE(seed);
        CHECK(find_workload("idempotent")->run({.seed = seed}).violation == "");
        CHECK(find_workload("idempotent")->run({.seed = seed, .trouble = false}).violation == "");
    }
    for (const uint64_t seed : {28, 255, 282, 852, 2941}) {
        CAPTURE(seed);
        CHECK(find_workload("group")->run({.seed = seed}).violation == "");
        CHECK(find_workload("group")->run({.seed = seed, .trouble = false}).violation == "");
    }
    for (const uint64_t seed : {77, 132, 159, 244, 252, 14237}) {
        CAPTURE(seed);
        CHECK(find_workload("transactional")->run({.seed = seed}).violation == "");
    }
}

TEST_CASE("each planted bug is found within 500 seeds") {
    for (const PlantedBug& bug : planted_bugs()) {
        INFO(bug.name);
        const uint64_t last = bug.name == "commit_as_nobody" ? 1000 : 500; // it wants an empty group at the right moment
        CHECK(find_planted(bug, 1, last).has_value());
    }
}
