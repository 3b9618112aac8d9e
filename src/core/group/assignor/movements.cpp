#include "core/group/assignor/movements.hpp"

#include <algorithm>

#include "core/group/java_order.hpp"

namespace ottla::core::group {

uint32_t Movements::better_one(uint32_t partition, uint32_t from, uint32_t to) const {
    const Move& earlier = moved_[partition];
    const uint32_t origin = earlier.from == nobody ? from : earlier.from;
    const auto reverse = by_topic_.find({group_.topic_of[partition], Move{.from = to, .to = origin}});
    return reverse == by_topic_.end() ? partition : first_of(reverse->second);
}

void Movements::add(uint32_t partition, uint32_t from, uint32_t to) {
    const uint32_t origin = moved_[partition].from == nobody ? from : moved_[partition].from;
    if (moved_[partition].from != nobody)
        remove(partition);
    if (origin == to)
        return; // it is back
    moved_[partition] = {.from = origin, .to = to};
    Set& set = by_topic_[{group_.topic_of[partition], moved_[partition]}];
    set.partitions.push_back(partition);
    set.buckets = std::max(set.buckets, java_buckets(set.partitions.size()));
}

void Movements::remove(uint32_t partition) {
    const auto place = by_topic_.find({group_.topic_of[partition], moved_[partition]});
    std::erase(place->second.partitions, partition);
    if (place->second.partitions.empty())
        by_topic_.erase(place);
    moved_[partition] = {};
}

uint32_t Movements::first_of(const Set& set) const {
    const auto bucket = [&](uint32_t p) {
        const TopicPartition name = group_.name_of(p);
        return java_bucket(java_hash(name.topic, name.partition), set.buckets);
    };
    return *std::min_element(set.partitions.begin(), set.partitions.end(), [&](uint32_t a, uint32_t b) {
        return bucket(a) < bucket(b);
    });
}

} // namespace ottla::core::group
