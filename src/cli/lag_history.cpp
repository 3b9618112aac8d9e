#include "lag_history.hpp"

#include <algorithm>

namespace ottla::cli {
namespace {

constexpr std::chrono::seconds span{30};

} // namespace

std::optional<LagRates> LagHistory::add(const GroupLag& lag) {
    Snapshot now{.taken = lag.taken, .places = {}};
    for (const auto& row : lag.partitions)
        if (row.committed && row.end)
            now.places[row.where] = {*row.committed, *row.end};
    while (seen_.size() > 1 && now.taken - seen_[1].taken >= span)
        seen_.pop_front();
    std::optional<LagRates> rates;
    if (!seen_.empty()) {
        const Snapshot& before = seen_.front();
        const double seconds = std::max(1e-3, std::chrono::duration<double>(now.taken - before.taken).count());
        rates.emplace();
        for (const auto& [where, place] : now.places) {
            const auto old = before.places.find(where);
            if (old == before.places.end())
                continue; // it is new
            // What was set back, or made anew, has not been consumed backwards.
            rates->consumed += static_cast<double>(std::max<int64_t>(place.committed - old->second.committed, 0)) / seconds;
            rates->produced += static_cast<double>(std::max<int64_t>(place.end - old->second.end, 0)) / seconds;
        }
        const auto left = static_cast<double>(lag.total());
        if (left == 0)
            rates->until_caught_up = std::chrono::seconds(0);
        else if (const double gain = rates->consumed - rates->produced; gain > 0 && left / gain < 1e9)
            rates->until_caught_up = std::chrono::seconds(static_cast<int64_t>(left / gain + 0.5));
    }
    seen_.push_back(std::move(now));
    return rates;
}

} // namespace ottla::cli
