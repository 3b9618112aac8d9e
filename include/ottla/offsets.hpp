// What a group has committed.
#pragma once

#include <string>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

namespace ottla {

/// How far a group has come in one partition: `offset` is the one to read next, offset_invalid when nothing is committed.
struct CommittedOffset : TopicPartitionOffset {
    std::string metadata{}; ///< as it was committed with the offset
    Error error{};          ///< of this partition: what is above is not known then
};

} // namespace ottla
