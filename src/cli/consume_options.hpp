// What `ottla consume` is told on its command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common.hpp"

namespace ottla::cli {

struct ConsumeOptions {
    ConnectionOptions connection;
    std::vector<std::string> topics; ///< several only with a group
    std::string group;               ///< empty: none, partitions are read as named
    std::vector<int32_t> partitions;
    std::vector<std::string> offsets;
    std::string key_delimiter;
    std::string delimiter = "\\n";
    std::string format;
    uint64_t count = 0;
    bool exit_at_end = false;
    bool json = false;
    bool null_text = false;
    bool unbuffered = false;
    bool quiet = false;
    int timeout_s = 30;

    std::chrono::milliseconds timeout() const { return std::chrono::seconds(timeout_s); }
};

/// `ottla consume -G`.
void consume_as_member(const ConsumeOptions& options);

} // namespace ottla::cli
