#include "client/consumer_assignors.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "core/group/assignor/builtin.hpp"

namespace ottla::client {
namespace {

constexpr const char* strategy = "partition.assignment.strategy";

/// The application's, which may outlive the member.
class OwnAssignor final : public PartitionAssignor {
public:
    explicit OwnAssignor(std::shared_ptr<PartitionAssignor> own) : own_(std::move(own)) {}

    std::string name() const override { return own_->name(); }
    bool supports(RebalanceProtocol protocol) const override { return own_->supports(protocol); }
    std::optional<std::vector<uint8_t>> user_data(std::span<const std::string> topics) override {
        std::optional<std::vector<uint8_t>> data;
        guard([&] { data = own_->user_data(topics); });
        return data;
    }
    Result<GroupAssignment> assign(std::span<const TopicLayout> topics, std::span<const GroupMember> members) override {
        Result<GroupAssignment> assignment = GroupAssignment();
        if (const std::string thrown = guard([&] { assignment = own_->assign(topics, members); }); !thrown.empty())
            return Error(Errc::_fail, fmt::format("assignor {} threw: {}", name(), thrown));
        return assignment;
    }
    void on_assignment(const MemberAssignment& assignment, const ConsumerGroupMetadata& group) override {
        guard([&] { own_->on_assignment(assignment, group); });
    }

private:
    /// Says what was thrown, which must not end the engine's thread; empty: nothing.
    template <class F>
    static std::string guard(F f) {
        try {
            f();
        } catch (const std::exception& e) {
            return std::string(e.what()) + " (an exception)";
        } catch (...) {
            return "no std::exception";
        }
        return {};
    }

    const std::shared_ptr<PartitionAssignor> own_;
};

std::vector<std::string> names_of(std::string_view list) {
    std::vector<std::string> names;
    for (size_t at = 0; at <= list.size();) {
        const size_t end = std::min(list.find(',', at), list.size());
        std::string_view name = list.substr(at, end - at);
        const size_t first = name.find_first_not_of(' ');
        name = first == std::string_view::npos ? std::string_view() : name.substr(first, name.find_last_not_of(' ') - first + 1);
        names.emplace_back(name);
        at = end + 1;
    }
    return names;
}

std::optional<std::string> value_of(const Config& config, std::string_view name) {
    std::optional<std::string> value;
    for (const auto& [key, text] : config.values())
        if (key == name)
            value = text;
    return value;
}

} // namespace

core::group::Assignors assignors_of(std::string_view names) {
    core::group::Assignors all;
    for (const std::string& name : names_of(names))
        all.push_back(core::group::make_assignor(name).value());
    return all;
}

Result<core::group::Assignors>
take_assignors(Config& config, const std::vector<std::shared_ptr<PartitionAssignor>>& own) {
    core::group::Assignors all;
    if (own.empty())
        return all;
    if (value_of(config, "group.protocol") == "consumer")
        return Error(Errc::_invalid_arg, "assignors of the application cannot be used with group.protocol=consumer: the broker assigns");
    std::vector<std::string> names;
    if (const auto given = value_of(config, strategy))
        names = names_of(*given);
    else
        for (const auto& assignor : own)
            names.push_back(assignor->name());
    for (const std::string& name : names) {
        const auto found = std::find_if(own.begin(), own.end(), [&](const auto& each) { return each->name() == name; });
        if (found != own.end()) {
            all.push_back(std::make_unique<OwnAssignor>(*found));
            continue;
        }
        auto ours = core::group::make_assignor(name);
        if (!ours)
            return Error(Errc::_invalid_arg, fmt::format("{}: {}", strategy, ours.error().message()));
        all.push_back(std::move(*ours));
    }
    if (const auto common = core::group::common_protocol(all); !common)
        return Error(Errc::_invalid_arg, fmt::format("{}: {}", strategy, common.error().message()));
    config.set(strategy, nullptr);
    return all;
}

} // namespace ottla::client
