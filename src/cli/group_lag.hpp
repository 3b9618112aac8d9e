// How far a group is behind: what it has committed, against where its partitions end.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ottla/admin.hpp>

namespace ottla::cli {

struct PartitionLag {
    TopicPartition where;
    std::optional<int64_t> committed; ///< nullopt: nothing
    std::optional<int64_t> end;       ///< nullopt: not known, as `error` says
    Error error{};
    std::optional<size_t> member{}; ///< who reads it: an index of the group's members

    /// Not below zero: the end may have been asked for before the offset that was committed since.
    std::optional<int64_t> lag() const;
};

struct GroupLag {
    GroupDescription group; ///< with an error: the rest is empty
    std::vector<PartitionLag> partitions; ///< ordered: those committed, and those that members read
    std::chrono::steady_clock::time_point taken{};

    /// Over the partitions of which it is known.
    int64_t total() const;
};

/// In the order of `groups`. Throws as the admin client does; what is wrong with one group is an error in its description.
std::vector<GroupLag> read_lags(AdminClient& admin, const std::vector<std::string>& groups, std::chrono::milliseconds timeout);

} // namespace ottla::cli
