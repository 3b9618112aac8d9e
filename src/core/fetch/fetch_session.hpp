// What one broker has been told to read, so that a request says only what has changed, and an answer too (KIP-227).
// Knows requests and answers; what shall be read, and whether now, is the fetcher's business. Brokers that keep no
// session (before 1.1, or with a full cache) are told everything each time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ottla/msg/fetch.hpp>
#include <ottla/types.hpp>

#include "core/fetch/fetch_sink.hpp"

namespace ottla::core {

/// A partition as the broker shall read it.
struct FetchLine {
    StreamId stream = 0; ///< who gets what comes
    int64_t offset = 0;
    int32_t max_bytes = 0;
    int32_t leader_epoch = -1;
    int32_t last_epoch = -1; ///< of the last record read
    uint64_t served = 0;     ///< the smaller, the earlier in the request: brokers fill their answers in that order
    bool operator==(const FetchLine&) const = default;
};

class FetchSession {
public:
    /// As the epoch of a request: it ends the session that it names, and begins none.
    static constexpr int32_t no_session = -1;

    /// What a broker says of a partition with records or without. It does not repeat itself.
    struct Marks {
        int64_t high_watermark = -1;
        int64_t last_stable = -1;
        int64_t log_start = -1;
    };

    struct Held {
        FetchLine line{};
        Marks marks{};         ///< as last told in this session
        int32_t partition = 0;
        bool wanted = true;
        bool told = false;     ///< the broker's session has it, as `line` says but for what is `changed`
        bool changed = false;  ///< listed in `changes_`
        bool answered = false; ///< in the answer to the last request
    };

    // --- between an answer and the next request
    /// `where` shall be read so, instead of what was said of it before.
    void put(const TopicPartition& where, const Uuid& topic_id, const FetchLine& line);
    /// Not to be read any more; without effect if the partition is not read for `stream`.
    void take_out(StreamId stream);

    /// Nothing is to be read.
    bool empty() const { return wanted_ == 0; }

    /// Some topic has no id, so that requests must go by name (KIP-516).
    bool by_name() const { return without_id_ != 0; }

    /// Puts into `request` what the broker must be told.
    void write(msg::FetchRequest& request);
    /// Puts into `request` that the session ends, which it then has; false: the broker keeps none, or nobody knows.
    bool write_end(msg::FetchRequest& request);

    // --- the answer, or what came instead
    /// The session as the answer names it; 0: none is kept. `by_id`: the broker went by topic ids.
    void on_answer(int32_t session_id, bool by_id);
    /// Whether `error` is of the session itself, which then begins anew.
    bool on_error(Errc error);
    /// Nobody knows what the broker has seen: the next request begins a new session and ends this one.
    void on_lost();

    /// What is read of this partition; null if nothing is. Marks it as answered.
    Held* answered(bool by_id, const std::string& topic, const Uuid& topic_id, int32_t partition);
    /// Calls `f` with what was sent in the last request and is not in its answer, for the broker had nothing new to say.
    template <class F>
    void each_unanswered(F f) {
        for (Held* held : sent_)
            if (!held->answered)
                f(*held);
    }
    /// Calls `f` with all that is read.
    template <class F>
    void each(F f) {
        for (auto& [name, topic] : topics_)
            for (auto& [partition, held] : topic.partitions)
                if (held.wanted)
                    f(held);
    }

    /// The id under which the broker keeps the session; 0: it keeps none.
    int32_t id() const { return id_; }

    /// Of the next request: 0 begins a session.
    int32_t epoch() const { return epoch_; }

private:
    struct Topic {
        const std::string* name = nullptr; ///< its key
        Uuid id{};
        std::unordered_map<int32_t, Held> partitions{};
    };

    struct Gone {
        std::string topic;
        Uuid id;
        int32_t partition;
    };

    void change(Topic& topic, Held& held);
    Topic& topic_of(const std::string& name, const Uuid& id);
    void change_id(Topic& topic, const Uuid& id);
    void begin_anew(int32_t ended);
    void write_all(msg::FetchRequest& request);
    void write_changes(msg::FetchRequest& request);
    void write_lines(msg::FetchRequest& request, std::vector<std::pair<Topic*, Held*>> lines);
    void write_forgotten(msg::FetchRequest& request, std::vector<Gone> gone);
    void drop(Topic& topic, int32_t partition);

    std::map<std::string, Topic> topics_;
    std::unordered_map<Uuid, Topic*> by_id_;
    std::unordered_map<StreamId, std::pair<Topic*, int32_t>> streams_;
    std::vector<std::pair<Topic*, int32_t>> changes_; ///< since the last request
    std::vector<Gone> replaced_; ///< known to the broker under topic ids that are no more
    std::vector<Held*> sent_;    ///< in the last request
    size_t wanted_ = 0;
    size_t without_id_ = 0;
    int32_t id_ = 0;
    int32_t epoch_ = 0;
    bool uses_ids_ = false;  ///< all topics had one when the session began
    bool keeps_ids_ = false; ///< and the broker took them
};

} // namespace ottla::core
