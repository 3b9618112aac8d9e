#include "core/fetch/fetch_session.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace ottla::core {
namespace {

/// What a broker would do differently.
bool reads_alike(const FetchLine& a, const FetchLine& b) {
    return a.stream == b.stream && a.offset == b.offset && a.max_bytes == b.max_bytes &&
           a.leader_epoch == b.leader_epoch && a.last_epoch == b.last_epoch;
}

} // namespace

// --- what shall be read

void FetchSession::put(const TopicPartition& where, const Uuid& topic_id, const FetchLine& line) {
    Topic& topic = topic_of(where.topic, topic_id);
    Held& held = topic.partitions[where.partition];
    held.partition = where.partition;
    if (held.wanted && held.line.stream > line.stream)
        return; // an older stream that goes as soon as it is removed
    if (held.line.stream != line.stream) {
        streams_.erase(held.line.stream);
        streams_[line.stream] = {&topic, where.partition};
    } else if (!held.wanted) {
        streams_[line.stream] = {&topic, where.partition};
    }
    const bool fresh = held.line.stream == 0;
    if (fresh || !held.wanted)
        ++wanted_;
    const bool same = held.told && held.wanted && reads_alike(held.line, line);
    held.wanted = true;
    held.line = line;
    if (!same)
        change(topic, held);
}

void FetchSession::take_out(StreamId stream) {
    const auto found = streams_.find(stream);
    if (found == streams_.end())
        return;
    const auto [topic, partition] = found->second;
    streams_.erase(found);
    Held& held = topic->partitions.at(partition);
    held.wanted = false;
    --wanted_;
    change(*topic, held);
}

FetchSession::Topic& FetchSession::topic_of(const std::string& name, const Uuid& id) {
    const auto [at, fresh] = topics_.try_emplace(name);
    Topic& topic = at->second;
    if (fresh) {
        topic.name = &at->first;
        topic.id = id;
        without_id_ += id.is_zero();
        by_id_[id] = &topic;
    } else if (topic.id != id) {
        change_id(topic, id);
    }
    return topic;
}

// The topic has been deleted and created again. To a broker that goes by ids those are two topics.
void FetchSession::change_id(Topic& topic, const Uuid& id) {
    for (auto& [partition, held] : topic.partitions) {
        if (keeps_ids_ && std::exchange(held.told, false)) {
            replaced_.push_back({*topic.name, topic.id, partition});
            held.marks = {};
        }
        change(topic, held);
    }
    without_id_ -= topic.id.is_zero();
    without_id_ += id.is_zero();
    if (const auto known = by_id_.find(topic.id); known != by_id_.end() && known->second == &topic)
        by_id_.erase(known);
    by_id_[id] = &topic;
    topic.id = id;
}

void FetchSession::change(Topic& topic, Held& held) {
    if (!std::exchange(held.changed, true))
        changes_.emplace_back(&topic, held.partition);
}

void FetchSession::drop(Topic& topic, int32_t partition) {
    topic.partitions.erase(partition);
    if (!topic.partitions.empty())
        return;
    without_id_ -= topic.id.is_zero();
    if (const auto known = by_id_.find(topic.id); known != by_id_.end() && known->second == &topic)
        by_id_.erase(known);
    topics_.erase(topics_.find(*topic.name));
}

// --- requests

void FetchSession::write(msg::FetchRequest& request) {
    if (epoch_ != 0 && uses_ids_ == by_name())
        begin_anew(id_); // a session goes by names or by ids, not by both
    sent_.clear();
    request.session_id = id_;
    request.session_epoch = epoch_;
    if (epoch_ == 0)
        write_all(request);
    else
        write_changes(request);
}

bool FetchSession::write_end(msg::FetchRequest& request) {
    if (id_ == 0 || epoch_ == 0)
        return false;
    request.session_id = id_;
    request.session_epoch = no_session;
    begin_anew(0);
    return true;
}

void FetchSession::write_all(msg::FetchRequest& request) {
    uses_ids_ = !by_name();
    replaced_.clear();
    for (const auto& [topic, partition] : std::exchange(changes_, {})) {
        Held& held = topic->partitions.at(partition);
        held.changed = false;
        if (!held.wanted)
            drop(*topic, partition);
    }
    std::vector<std::pair<Topic*, Held*>> lines;
    for (auto& [name, topic] : topics_)
        for (auto& [partition, held] : topic.partitions)
            lines.emplace_back(&topic, &held);
    write_lines(request, std::move(lines));
}

void FetchSession::write_changes(msg::FetchRequest& request) {
    std::vector<Gone> gone = std::exchange(replaced_, {});
    std::vector<std::pair<Topic*, Held*>> lines;
    for (const auto& [topic, partition] : std::exchange(changes_, {})) {
        Held& held = topic->partitions.at(partition);
        held.changed = false;
        if (held.wanted) {
            lines.emplace_back(topic, &held);
            continue;
        }
        if (held.told)
            gone.push_back({*topic->name, topic->id, partition});
        drop(*topic, partition);
    }
    write_lines(request, std::move(lines));
    write_forgotten(request, std::move(gone));
}

void FetchSession::write_lines(msg::FetchRequest& request, std::vector<std::pair<Topic*, Held*>> lines) {
    std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
        return std::tie(a.second->line.served, *a.first->name, a.second->partition) <
               std::tie(b.second->line.served, *b.first->name, b.second->partition);
    });
    std::unordered_map<Topic*, size_t> places;
    for (const auto& [topic, held] : lines) {
        const auto [place, fresh] = places.try_emplace(topic, request.topics.size());
        if (fresh) {
            auto& out = request.topics.emplace_back();
            out.topic = *topic->name;
            out.topic_id = topic->id;
        }
        auto& out = request.topics[place->second].partitions.emplace_back();
        out.partition = held->partition;
        out.current_leader_epoch = held->line.leader_epoch;
        out.fetch_offset = held->line.offset;
        out.last_fetched_epoch = held->line.last_epoch;
        out.partition_max_bytes = held->line.max_bytes;
        held->told = true;
        held->answered = false;
        sent_.push_back(held);
    }
}

void FetchSession::write_forgotten(msg::FetchRequest& request, std::vector<Gone> gone) {
    std::sort(gone.begin(), gone.end(), [](const Gone& a, const Gone& b) {
        return std::tie(a.topic, a.id, a.partition) < std::tie(b.topic, b.id, b.partition);
    });
    for (Gone& one : gone) {
        auto& all = request.forgotten_topics_data;
        if (all.empty() || all.back().topic != one.topic || all.back().topic_id != one.id) {
            auto& out = all.emplace_back();
            out.topic = std::move(one.topic);
            out.topic_id = one.id;
        }
        all.back().partitions.push_back(one.partition);
    }
}

// --- answers

void FetchSession::on_answer(int32_t session_id, bool by_id) {
    keeps_ids_ = by_id;
    if (session_id == 0)
        return begin_anew(0);
    id_ = session_id;
    epoch_ = epoch_ == std::numeric_limits<int32_t>::max() ? 1 : epoch_ + 1;
}

bool FetchSession::on_error(Errc error) {
    switch (error) {
    case Errc::fetch_session_id_not_found:
        begin_anew(0);
        return true;
    case Errc::invalid_fetch_session_epoch:
    case Errc::fetch_session_topic_id_error:
        begin_anew(id_);
        return true;
    default:
        begin_anew(id_);
        return false;
    }
}

void FetchSession::on_lost() {
    begin_anew(id_);
}

/// The next request tells everything. `ended`: the session that it ends at the broker, 0: none.
void FetchSession::begin_anew(int32_t ended) {
    id_ = ended;
    if (std::exchange(epoch_, 0) == 0)
        return; // nothing has been kept
    replaced_.clear();
    for (auto& [name, topic] : topics_)
        for (auto& [partition, held] : topic.partitions) {
            held.told = false;
            held.marks = {};
        }
}

FetchSession::Held*
FetchSession::answered(bool by_id, const std::string& name, const Uuid& id, int32_t partition) {
    Topic* topic = nullptr;
    if (by_id) {
        const auto known = by_id_.find(id);
        topic = known == by_id_.end() ? nullptr : known->second;
    } else {
        const auto known = topics_.find(name);
        topic = known == topics_.end() ? nullptr : &known->second;
    }
    if (!topic)
        return nullptr;
    const auto found = topic->partitions.find(partition);
    if (found == topic->partitions.end() || !found->second.wanted)
        return nullptr;
    found->second.answered = true;
    return &found->second;
}

} // namespace ottla::core
