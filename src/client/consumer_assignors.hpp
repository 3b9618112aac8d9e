// Which assignors a consumer uses: ours and the application's, in the order of partition.assignment.strategy.
#pragma once

#include <memory>
#include <vector>

#include <ottla/assignor.hpp>
#include <ottla/config.hpp>

#include "core/group/classic_member.hpp"

namespace ottla::client {

/// `config` is left without the application's names, for which it knows none. Nothing: as it says. Errors: _invalid_arg: a name
/// that nobody has, a list that has no protocol in common, groups in which the broker assigns.
Result<core::group::Assignors>
take_assignors(Config& config, const std::vector<std::shared_ptr<PartitionAssignor>>& own);

/// Ours, by names that the configuration has checked.
core::group::Assignors assignors_of(std::string_view names);

} // namespace ottla::client
