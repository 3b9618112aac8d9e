#include "core/group/assignor/claims.hpp"

#include <algorithm>

namespace ottla::core::group {
namespace {

class Settling {
public:
    Settling(const GroupView& group, const std::vector<Holdings>& told)
        : group_(group)
        , told_(told)
        , holder_(group.partition_count(), nobody)
        , claimant_(group.partition_count(), nobody) {
        result_.held.resize(group.members.size());
        result_.contested.resize(group.partition_count());
        result_.formerly.resize(group.partition_count(), nobody);
        for (const Holdings& one : told)
            newest_ = std::max(newest_, one.generation);
    }

    Claims run() {
        for (const uint32_t member : group_.hash_order)
            for (const TopicPartition& partition : told_[member].partitions)
                if (const uint32_t p = group_.find(partition); p != nobody)
                    hear(member, p);
        for (uint32_t p = 0; p < holder_.size(); ++p)
            if (holder_[p] != nobody)
                result_.held[holder_[p]].push_back(p);
        return std::move(result_);
    }

private:
    int32_t generation(uint32_t member) const { return told_[member].generation; }

    void hear(uint32_t member, uint32_t p) {
        uint32_t& formerly = result_.formerly[p];
        if (generation(member) < newest_ && (formerly == nobody || generation(formerly) < generation(member)))
            formerly = member;
        const uint32_t other = claimant_[p];
        if (other == member) // names it twice
            return;
        if (other != nobody && generation(member) < generation(other))
            return;
        // One of a later generation puts an end to the quarrels of earlier ones. In the Java client that depends on who is heard
        // first; so nothing here does.
        const bool contested = other != nobody && generation(member) == generation(other);
        result_.contested[p] = contested;
        holder_[p] = contested ? nobody : member;
        claimant_[p] = member;
    }

    const GroupView& group_;
    const std::vector<Holdings>& told_;
    std::vector<uint32_t> holder_;
    std::vector<uint32_t> claimant_; ///< the last one of the newest generation heard so far; no holder where two are of one
    int32_t newest_ = -1;
    Claims result_;
};

} // namespace

Claims settle_claims(const GroupView& group, const std::vector<Holdings>& told) {
    return Settling(group, told).run();
}

} // namespace ottla::core::group
