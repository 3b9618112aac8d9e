// Metadata requests (api 3) for brokers of every age.
#pragma once

#include <cstdint>

#include <ottla/msg/metadata.hpp>

namespace ottla::core {

/// From this version on a request says whether topics may be created by asking for them; older brokers create as they please.
inline constexpr int16_t first_metadata_with_auto_create = 4;

/// `request` as a broker of `version` is to be asked: one that might create what must not be created is asked for all topics
/// instead. "All" is an empty list in version 0, and null from then on.
inline msg::MetadataRequest metadata_request_for(const msg::MetadataRequest& request, int16_t version) {
    if (version >= first_metadata_with_auto_create)
        return request;
    const bool might_create = request.topics && !request.topics->empty() && !request.allow_auto_topic_creation;
    msg::MetadataRequest old;
    if (request.topics && !might_create)
        old.topics = request.topics;
    else if (version == 0)
        old.topics.emplace();
    else
        old.topics.reset();
    return old;
}

} // namespace ottla::core
