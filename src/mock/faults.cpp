#include "mock/faults.hpp"

#include <algorithm>

namespace ottla::mock {
namespace {

/// The value of the broker itself, else that of every broker.
template <class Map, class Key>
std::chrono::milliseconds look_up(const Map& map, const Key& own, const Key& common) {
    auto found = map.find(own);
    if (found == map.end())
        found = map.find(common);
    return found == map.end() ? std::chrono::milliseconds(0) : found->second;
}

} // namespace

void Faults::add(int16_t api_key, int32_t broker, int count, Fault fault) {
    if (count > 0)
        rules_.push_back({api_key, broker, count, fault});
}

std::optional<Faults::Fault> Faults::take(int16_t api_key, int32_t broker) {
    const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& r) {
        return r.api_key == api_key && (r.broker == every_broker || r.broker == broker);
    });
    if (rule == rules_.end())
        return std::nullopt;
    const Fault fault = rule->fault;
    if (--rule->left == 0)
        rules_.erase(rule);
    return fault;
}

void Faults::set_delay(int16_t api_key, int32_t broker, Milliseconds wait) {
    if (broker == every_broker)
        std::erase_if(delays_, [&](const auto& entry) { return entry.first.first == api_key; });
    delays_[{api_key, broker}] = wait;
}

Faults::Milliseconds Faults::delay(int16_t api_key, int32_t broker) const {
    return look_up(delays_, std::pair(api_key, broker), std::pair(api_key, every_broker));
}

void Faults::set_throttle(int32_t broker, Milliseconds time) {
    if (broker == every_broker)
        throttles_.clear();
    throttles_[broker] = time;
}

Faults::Milliseconds Faults::throttle(int32_t broker) const {
    return look_up(throttles_, broker, every_broker);
}

} // namespace ottla::mock
