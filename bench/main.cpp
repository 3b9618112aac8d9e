// ottla-bench MODE --key value ...: one JSON line on stdout.
#include "clients.hpp"

int main(int argc, char** argv) {
    using namespace ottla::bench;
    return run(
        argc,
        argv,
        "ottla",
        {
            {"produce", run_produce},
            {"stalled", run_stalled},
            {"consume", run_consume},
            {"latency", run_latency},
            {"e2e", run_end_to_end},
            {"idle", run_idle},
            {"first", run_first},
            {"floor", run_floor},
            {"turn", run_turn},
            {"compress", run_compress},
        }
    );
}
