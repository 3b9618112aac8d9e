#include "mock/coordinator_placement.hpp"

namespace ottla::mock {

/// As a broker chooses: the hash of a Java string (of bytes here) without its sign, modulo the partitions.
size_t CoordinatorPlacement::slot(const std::string& key) {
    uint32_t hash = 0;
    for (const char c : key)
        hash = hash * 31 + static_cast<uint8_t>(c);
    return (hash & 0x7fffffff) % slot_count;
}

CoordinatorPlacement::Slot& CoordinatorPlacement::use(const std::string& key, const std::vector<int32_t>& up) {
    const size_t index = slot(key);
    Slot& slot = slots_[index];
    if (slot.leader == unused && !up.empty())
        slot.leader = up[index % up.size()];
    return slot;
}

int32_t
CoordinatorPlacement::find(const std::string& key, const std::vector<int32_t>& up, TimePoint now) {
    const Slot& slot = use(key, up);
    return slot.leader >= 0 && now >= slot.known_from ? slot.leader : nobody;
}

Errc CoordinatorPlacement::check(
    const std::string& key, int32_t broker, const std::vector<int32_t>& up, TimePoint now
) {
    if (find(key, up, now) != broker)
        return Errc::not_coordinator;
    return now < slots_[slot(key)].loaded_from ? Errc::coordinator_load_in_progress : Errc::no_error;
}

TimePoint CoordinatorPlacement::ready_from(const std::string& key) const {
    const Slot& at = slots_[slot(key)];
    return at.leader == nobody ? TimePoint::max() : at.loaded_from;
}

void CoordinatorPlacement::give(Slot& slot, int32_t broker, TimePoint now) {
    slot.leader = broker;
    ++slot.epoch;
    slot.known_from = now + failover_.election;
    slot.loaded_from = slot.known_from + failover_.load;
}

void CoordinatorPlacement::move(const std::string& key, int32_t broker, TimePoint now) {
    give(slots_[slot(key)], broker, now);
}

void CoordinatorPlacement::on_stop(int32_t broker, const std::vector<int32_t>& up, TimePoint now) {
    for (size_t i = 0; i < slot_count; ++i) {
        if (slots_[i].leader != broker)
            continue;
        if (up.empty())
            slots_[i].leader = nobody;
        else
            give(slots_[i], up[i % up.size()], now);
    }
}

void CoordinatorPlacement::on_start(int32_t broker, TimePoint now) {
    for (Slot& slot : slots_)
        if (slot.leader == nobody)
            give(slot, broker, now);
}

} // namespace ottla::mock
