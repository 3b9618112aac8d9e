#include "core/group/assignor/builtin.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "core/group/assignor/range.hpp"
#include "core/group/assignor/round_robin.hpp"
#include "core/group/assignor/sticky.hpp"

namespace ottla::core::group {
namespace {

template <class T>
std::unique_ptr<PartitionAssignor> make() {
    return std::make_unique<T>();
}

using Maker = std::unique_ptr<PartitionAssignor> (*)();
constexpr Maker makers[] = {make<RangeAssignor>, make<RoundRobinAssignor>, make<StickyAssignor>, make<CooperativeStickyAssignor>};

} // namespace

Result<std::unique_ptr<PartitionAssignor>> make_assignor(std::string_view name) {
    std::string known;
    for (const Maker maker : makers) {
        auto assignor = maker();
        if (assignor->name() == name)
            return assignor;
        known += (known.empty() ? "" : ", ") + assignor->name();
    }
    return Error(Errc::_invalid_arg, fmt::format("no assignor is called \"{}\"; there are {}", name, known));
}

Result<RebalanceProtocol> common_protocol(std::span<const std::unique_ptr<PartitionAssignor>> assignors) {
    if (assignors.empty())
        return Error(Errc::_invalid_arg, "a group needs an assignor");
    for (const RebalanceProtocol protocol : {RebalanceProtocol::cooperative, RebalanceProtocol::eager})
        if (std::all_of(assignors.begin(), assignors.end(), [&](const auto& one) { return one->supports(protocol); }))
            return protocol;
    std::string names;
    for (const auto& one : assignors)
        names += (names.empty() ? "" : ", ") + one->name();
    return Error(Errc::_invalid_arg, fmt::format("some are eager only, some cooperative only: {}", names));
}

} // namespace ottla::core::group
