// Keys and the partitions that the Java client's default partitioner gives them, for several partition counts.
#include "accumulator/partitioner.hpp"

#include <fmt/format.h>

#include "tools/golden/golden.hpp"

namespace ottla::golden {

void check_partitioner(const Json& line, Report& report) {
    const auto bytes = from_hex(line.at("key").get<std::string>());
    const Bytes key(bytes);
    const auto hash = static_cast<int32_t>(accumulator::murmur2(key));
    if (const auto expected = line.at("murmur2").get<int32_t>(); hash != expected) {
        report.fail(fmt::format("murmur2 is {} instead of {}", hash, expected));
        return;
    }
    for (const auto& [count, partition] : line.at("partitions").items()) {
        const int32_t chosen =
            accumulator::partition_of(config::Partitioner::murmur2_random, key, static_cast<int32_t>(std::stol(count)));
        if (chosen != partition.get<int32_t>()) {
            report.fail(fmt::format("partition {} of {} instead of {}", chosen, count, partition.get<int32_t>()));
            return;
        }
    }
    report.pass();
}

} // namespace ottla::golden
