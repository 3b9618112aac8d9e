// ottla-bench MODE --key value ...: one JSON line on stdout.
#include <cstdio>
#include <exception>
#include <iostream>

#include <ottla/error.hpp>

#include "bench.hpp"

int main(int argc, char** argv) {
    using namespace ottla::bench;
    try {
        const Options options(argc, argv);
        nlohmann::json out;
        if (options.mode() == "produce")
            out = run_produce(options);
        else if (options.mode() == "consume")
            out = run_consume(options);
        else if (options.mode() == "latency")
            out = run_latency(options);
        else if (options.mode() == "e2e")
            out = run_end_to_end(options);
        else if (options.mode() == "first" || options.mode() == "idle")
            out = run_first(options);
        else {
            std::cerr << "usage: ottla-bench produce|consume|latency|e2e|first|idle --bootstrap HOST:PORT --topic NAME "
                         "[--key value ...]\n";
            return 2;
        }
        out["client"] = "ottla";
        out["mode"] = options.mode();
        std::cout << out.dump() << '\n';
        return out.value("errors", 0) == 0 ? 0 : 1;
    } catch (const std::invalid_argument& e) {
        std::cerr << "ottla-bench: " << e.what() << '\n';
        return 2;
    } catch (const std::exception& e) {
        std::cerr << "ottla-bench: " << e.what() << '\n';
        return 1;
    }
}
