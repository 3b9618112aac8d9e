// The assignors that come with the client, by the names that `partition.assignment.strategy` has for them.
#pragma once

#include <memory>
#include <string_view>

#include <ottla/assignor.hpp>

namespace ottla::core::group {

/// A new one, for one member: some remember what it was given. Errors: _invalid_arg for a name that none has.
Result<std::unique_ptr<PartitionAssignor>> make_assignor(std::string_view name);

/// The protocol that a member with these assignors follows: the most cooperative one that all of them support, since any of
/// them may be the one that the group settles on. Errors: _invalid_arg when there are none, or they have none in common.
Result<RebalanceProtocol> common_protocol(std::span<const std::unique_ptr<PartitionAssignor>> assignors);

} // namespace ottla::core::group
