// Partitions as people read them.
#pragma once

#include <string>
#include <vector>

#include <ottla/types.hpp>

namespace ottla::cli {

/// "orders[0-3,7] users[0]"; "nothing" without any.
std::string partition_text(std::vector<TopicPartition> partitions);

} // namespace ottla::cli
