// kcat, run by a shell. Where it is: the environment's OTTLA_KCAT, else by its name.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "catch.hpp"

namespace ottla {

struct Run {
    int status;
    std::string output; ///< standard output and error
};

inline std::string kcat() {
    const char* name = std::getenv("OTTLA_KCAT");
    return name ? name : "kcat";
}

inline std::string read_all(std::FILE* pipe) {
    std::string text;
    std::array<char, 4096> part;
    while (const size_t got = std::fread(part.data(), 1, part.size(), pipe))
        text.append(part.data(), got);
    return text;
}

/// Runs it to its end.
inline Run shell(const std::string& command) {
    Run run{-1, {}};
    std::FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
    REQUIRE(pipe);
    run.output = read_all(pipe);
    run.status = ::pclose(pipe);
    return run;
}

} // namespace ottla
