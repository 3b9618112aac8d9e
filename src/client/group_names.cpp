// Names of the types and states of groups, as brokers write them.
#include <algorithm>
#include <cctype>
#include <utility>

#include <ottla/admin_groups.hpp>

namespace ottla {
namespace {

constexpr std::pair<GroupType, std::string_view> types[] = {
    {GroupType::unknown, "Unknown"},
    {GroupType::consumer, "Consumer"},
    {GroupType::classic, "Classic"},
    {GroupType::share, "Share"},
    {GroupType::streams, "Streams"},
};

constexpr std::pair<GroupState, std::string_view> states[] = {
    {GroupState::unknown, "Unknown"},
    {GroupState::preparing_rebalance, "PreparingRebalance"},
    {GroupState::completing_rebalance, "CompletingRebalance"},
    {GroupState::stable, "Stable"},
    {GroupState::dead, "Dead"},
    {GroupState::empty, "Empty"},
    {GroupState::assigning, "Assigning"},
    {GroupState::reconciling, "Reconciling"},
    {GroupState::not_ready, "NotReady"},
};

bool same_but_for_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

template <class T, size_t n>
std::string_view name_of(const std::pair<T, std::string_view> (&table)[n], T value) {
    for (const auto& [known, name] : table)
        if (known == value)
            return name;
    return table[0].second;
}

template <class T, size_t n>
std::optional<T> find(const std::pair<T, std::string_view> (&table)[n], std::string_view text) {
    for (const auto& [known, name] : table)
        if (same_but_for_case(name, text))
            return known;
    return std::nullopt;
}

} // namespace

std::string_view to_string(GroupType type) { return name_of(types, type); }

std::string_view to_string(GroupState state) { return name_of(states, state); }

std::optional<GroupType> parse_group_type(std::string_view text) { return find(types, text); }

std::optional<GroupState> parse_group_state(std::string_view text) { return find(states, text); }

} // namespace ottla
