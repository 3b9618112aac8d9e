// A member of a consumer group by the new protocol (KIP-848): beats, and is told by the coordinator which partitions it shall
// have; gives up and takes step by step with the application, and tells when it has. The coordinator assigns.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ottla/msg/consumer_group_heartbeat.hpp>

#include "base/rng.hpp"
#include "core/group/membership.hpp"

namespace ottla::core::group {

class ConsumerMember final : public Membership {
public:
    ConsumerMember(Ports ports, const config::ClientConfig& config, uint64_t seed, Log log = {});
    ~ConsumerMember() override;

    enum class State : uint8_t {
        out,      ///< of the group, and does not want in
        expelled, ///< the application has not polled for too long
        joining,  ///< the coordinator has not given it an epoch
        member,
        giving,   ///< the application gives up what it has before the group is left
        dead,     ///< another instance of this static member has come
    };

    State state() const { return state_; }

    void subscribe(std::vector<std::string> topics, const std::string& reason, TimePoint now) override;
    void on_application_poll(TimePoint now) override;
    void when_out(MoveOnlyFunction<void()> done) override;
    void rejoin(const std::string& reason) override;
    Committer committer() const override;
    bool may_commit() const override;
    /// In no group, and with nothing left of one: what it lost belongs to others.
    bool is_nobody() const { return state_ == State::out && !is_telling(); }
    Phase phase() const override;
    const std::string& reason() const override { return reason_; }

    TimePoint poll(TimePoint now) override;

private:
    using Request = msg::ConsumerGroupHeartbeatRequest;
    using Response = msg::ConsumerGroupHeartbeatResponse;
    using IdPartition = std::pair<Uuid, int32_t>;
    using Owned = std::map<IdPartition, TopicPartition>;

    void become(State to);
    void on_steps_done() override;

    bool is_expelled() const override { return state_ == State::expelled; }

    void expel() override;

    // --- heartbeats
    void beat(TimePoint now);
    Request next_request();
    void say_owned(Request& request) const;
    void send(Request request, const CallScope& scope, Reply<Response> reply);
    void on_beaten(CallResult<Response> result, TimePoint now);
    void on_refused(Errc code, const Error& error, TimePoint now);
    void beat_soon();

    // --- what it shall have, and has
    void reconcile();
    void lose(const std::string& why);
    std::optional<int32_t> last_epoch() const;
    void end(Errc code, std::string why);
    void leave(std::optional<int32_t> epoch);
    void send_last(int32_t epoch);
    void begin_leaving();
    void watch_topics(std::vector<std::string> topics);

    Rng rng_;
    CallScope scope_;      ///< of this member's life
    CallScope beat_scope_; ///< of the heartbeat under way

    State state_ = State::out;
    std::string reason_; ///< why it last joined or left
    std::string member_id_;
    std::optional<std::string> instance_;
    int32_t epoch_ = 0;
    std::vector<std::string> topics_; ///< as subscribed, sorted

    std::vector<IdPartition> target_; ///< what the coordinator said last, sorted
    Owned owned_;                     ///< what it has, once the steps are done
    bool has_target_ = false;         ///< and not all of it has been done
    Owned before_;                    ///< what it had, while the steps from there to `owned_` are under way
    bool reconciling_ = false;        ///< they are

    Duration interval_;
    bool beating_ = false;
    bool says_all_ = true;   ///< in the next heartbeat
    bool says_owned_ = false;
    TimePoint next_beat_{};
    TimePoint not_before_{};
    int failures_ = 0;
    MoveOnlyFunction<void()> when_out_;
    bool leaving_ = false; ///< the last heartbeat is under way
};

} // namespace ottla::core::group
