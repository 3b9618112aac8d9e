#include "mock/fetch_sessions.hpp"

#include <algorithm>
#include <limits>

namespace ottla::mock {

FetchSession::Key FetchSession::key_of(const std::string& topic, const Uuid& topic_id, int32_t partition) const {
    return by_id ? Key({}, topic_id, partition) : Key(topic, {}, partition);
}

void FetchSession::update(const msg::FetchRequest& request) {
    for (const auto& topic : request.topics)
        for (const auto& asked : topic.partitions) {
            const auto known = places_.find(key_of(topic.topic, topic.topic_id, asked.partition));
            if (known == places_.end())
                add({topic.topic, topic.topic_id, asked});
            else
                known->second->asked = asked;
        }
    for (const auto& topic : request.forgotten_topics_data)
        for (const int32_t partition : topic.partitions) {
            const auto known = places_.find(key_of(topic.topic, topic.topic_id, partition));
            if (known == places_.end())
                continue;
            partitions.erase(known->second);
            places_.erase(known);
        }
}

void FetchSession::add(FetchedPartition partition) {
    Key key = key_of(partition.topic, partition.topic_id, partition.asked.partition);
    if (places_.contains(key))
        return;
    places_[std::move(key)] = partitions.insert(partitions.end(), std::move(partition));
}

bool FetchSession::note(Place place, const msg::fetch_response::PartitionData& answer) {
    const bool special = answer.error_code != 0 || answer.diverging_epoch.epoch >= 0 || answer.diverging_epoch.end_offset >= 0;
    const bool news = special || answer.records.size() > 0 || answer.preferred_read_replica >= 0 ||
                      answer.high_watermark != place->high_watermark || answer.log_start_offset != place->log_start;
    place->high_watermark = special ? -1 : answer.high_watermark;
    place->log_start = answer.log_start_offset;
    if (answer.records.size() > 0)
        partitions.splice(partitions.end(), partitions, place);
    return news;
}

Result<std::shared_ptr<FetchSession>> FetchSessions::go_on(const msg::FetchRequest& request, bool by_id, TimePoint now) {
    const auto found = sessions_.find(request.session_id);
    if (found == sessions_.end())
        return Error(Errc::fetch_session_id_not_found);
    const auto session = found->second;
    if (session->epoch != request.session_epoch)
        return Error(Errc::invalid_fetch_session_epoch);
    if (session->by_id != by_id)
        return Error(Errc::fetch_session_topic_id_error);
    session->update(request);
    session->used = now;
    session->epoch = session->epoch == std::numeric_limits<int32_t>::max() ? 1 : session->epoch + 1;
    if (session->partitions.empty())
        end(session->id);
    return session;
}

std::shared_ptr<FetchSession> FetchSessions::begin(size_t size, bool by_id, TimePoint now) {
    if (sessions_.size() >= limits_.slots && !make_room(size, now))
        return nullptr;
    int32_t id = 0;
    while (id == 0 || sessions_.contains(id))
        id = static_cast<int32_t>(rng_.below(std::numeric_limits<int32_t>::max()));
    return sessions_[id] = std::make_shared<FetchSession>(id, by_id, now);
}

// Of the session that went unused for longest, if that was long; else of the smallest one that has lived long enough, if
// the new one is larger.
bool FetchSessions::make_room(size_t size, TimePoint now) {
    if (sessions_.empty())
        return false;
    const auto stale = std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
        return a.second->used < b.second->used;
    });
    if (now - stale->second->used > limits_.eviction) {
        sessions_.erase(stale);
        return true;
    }
    auto smallest = sessions_.end();
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at)
        if (now - at->second->created > limits_.eviction &&
            (smallest == sessions_.end() || at->second->partitions.size() < smallest->second->partitions.size()))
            smallest = at;
    if (smallest == sessions_.end() || smallest->second->partitions.size() >= size)
        return false;
    sessions_.erase(smallest);
    return true;
}

} // namespace ottla::mock
