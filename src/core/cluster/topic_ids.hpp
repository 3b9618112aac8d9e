// Topic ids in the offset requests of groups, which from version 10 on have them instead of names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/cluster/metadata.hpp"

namespace ottla::core {

/// The ids that one request was made with. Ids change when a topic is made anew, so they are kept with the request.
class TopicIds {
public:
    TopicIds() = default;
    /// Sets `topic_id` of all `topics` that are known; these have a `name`.
    template <class Topics>
    TopicIds(const Metadata& metadata, Topics& topics) : complete_(true) {
        for (auto& topic : topics) {
            const TopicInfo* known = metadata.find(topic.name);
            if (!known || known->id == Uuid()) {
                complete_ = false;
                continue;
            }
            topic.topic_id = known->id;
            names_.emplace_back(known->id, topic.name);
        }
    }

    /// Of OffsetFetch and OffsetCommit: by name while one id is not known.
    int16_t max_version() const { return complete_ ? first_by_id : first_by_id - 1; }

    /// Empty: none of these.
    std::string name_of(const Uuid& id) const {
        for (const auto& [known, name] : names_)
            if (known == id)
                return name;
        return {};
    }

private:
    static constexpr int16_t first_by_id = 10;

    std::vector<std::pair<Uuid, std::string>> names_;
    bool complete_ = false;
};

} // namespace ottla::core
