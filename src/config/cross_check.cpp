// What must hold between properties. An application that sets two which conflict is told both names; where it set only
// one, the other gives way.
#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "config/settings.hpp"

namespace ottla::config {
namespace {

constexpr int64_t int_max = 2'147'483'647;

class Checker {
public:
    Checker(Settings& settings, Role role, std::vector<std::string>& warnings)
        : s_(settings), role_(role), warnings_(warnings) {}

    Error run() {
        if (Error error = cluster())
            return error;
        if (Error error = cross_check_security(s_))
            return error;
        switch (role_) {
        case Role::producer:
            return producer();
        case Role::consumer:
            return consumer();
        case Role::admin:
            break;
        }
        return {};
    }

private:
    Error cluster() {
        if (s_.number("security.protocol") != 0)
            return invalid(fmt::format(
                "Invalid value \"{}\" for configuration property \"security.protocol\": this version has plaintext only",
                s_.text("security.protocol")));
        if (Error error = features())
            return error;
        if (!is_release(s_.text("broker.version.fallback")))
            return invalid(fmt::format(
                "Invalid value \"{}\" for configuration property \"broker.version.fallback\": expected a release from 0.8.0 on",
                s_.text("broker.version.fallback")));
        if (s_.number("reconnect.backoff.ms") > s_.number("reconnect.backoff.max.ms"))
            return clash("reconnect.backoff.ms", "must not be above", "reconnect.backoff.max.ms");
        if (s_.number("retry.backoff.ms") > s_.number("retry.backoff.max.ms")) {
            warn("retry.backoff.ms", "is above", "retry.backoff.max.ms", ": the latter is used");
            s_.adjust("retry.backoff.ms", s_.number("retry.backoff.max.ms"));
        }
        if (s_.number("topic.metadata.refresh.fast.interval.ms") > s_.number("retry.backoff.max.ms") &&
            s_.is_given("topic.metadata.refresh.fast.interval.ms"))
            warn("topic.metadata.refresh.fast.interval.ms", "is above", "retry.backoff.max.ms");
        if (s_.is_given("topic.metadata.refresh.interval.ms") && !s_.is_given("metadata.max.age.ms") &&
            s_.number("topic.metadata.refresh.interval.ms") > 0)
            s_.adjust("metadata.max.age.ms", 3 * s_.number("topic.metadata.refresh.interval.ms"));
        // Azure closes idle connections silently after four minutes.
        if (!s_.is_given("connections.max.idle.ms") && lower(s_.text("bootstrap.servers")).find("azure") != std::string::npos)
            s_.adjust("connections.max.idle.ms", 230'000);
        if (s_.number("debug") != 0)
            s_.adjust("log_level", 7);
        return {};
    }

    Error producer() {
        if (Error error = transactions())
            return error;
        if (Error error = idempotence())
            return error;
        if (s_.is_true("enable.gapless.guarantee") && !s_.is_true("enable.idempotence"))
            return clash("enable.gapless.guarantee", "needs", "enable.idempotence");
        if (s_.number("queuing.strategy") != 0)
            return invalid("Invalid value \"lifo\" for configuration property \"queuing.strategy\": this version has fifo only");
        const int64_t limit = s_.number("message.timeout.ms");
        if (limit > 0 && s_.real("linger.ms") >= static_cast<double>(limit)) {
            if (s_.is_given("linger.ms"))
                return clash("linger.ms", "must be less than", "message.timeout.ms");
            s_.adjust("linger.ms", limit - 1);
        }
        if (!s_.is_given("message.copy.max.bytes"))
            s_.adjust("message.copy.max.bytes", 4095); // below, copying a lent value costs less
        if (!s_.is_given("sticky.partitioning.linger.ms"))
            s_.adjust("sticky.partitioning.linger.ms", std::min(std::llround(s_.real("linger.ms") * 2), 900'000LL));
        return java() ? java_producer() : Error();
    }

    Error consumer() {
        if (!s_.is_given("allow.auto.create.topics") && !java())
            s_.adjust("allow.auto.create.topics", 0);
        if (s_.is_given("fetch.max.bytes")) {
            if (s_.number("fetch.max.bytes") < s_.number("message.max.bytes"))
                return clash("fetch.max.bytes", "must not be below", "message.max.bytes");
        } else {
            const int64_t room = s_.number("queued.max.messages.kbytes") * 1024;
            s_.adjust("fetch.max.bytes", std::max(std::min(s_.number("fetch.max.bytes"), room), s_.number("message.max.bytes")));
        }
        if (!s_.is_given("ottla.fetch.ahead.kbytes") &&
            (s_.is_given("queued.min.messages") || s_.is_given("queued.max.messages.kbytes")))
            s_.adjust("ottla.fetch.ahead.kbytes", std::max<int64_t>(s_.number("queued.max.messages.kbytes") / 2, 1));
        const int64_t response = std::min(s_.number("fetch.max.bytes") + 512, int_max);
        if (s_.number("receive.message.max.bytes") < response) {
            if (s_.is_given("receive.message.max.bytes"))
                return clash("receive.message.max.bytes", "must be at least", "fetch.max.bytes", " + 512");
            s_.adjust("receive.message.max.bytes", response);
        }
        if (s_.number("fetch.wait.max.ms") + 1000 > s_.number("socket.timeout.ms"))
            warn("fetch.wait.max.ms", "+ 1000 should not be above", "socket.timeout.ms");
        return group();
    }

    bool java() const { return s_.text("ottla.profile") == "java"; }

    Error clash(std::string_view one, std::string_view how, std::string_view other, std::string_view more = {}) const {
        return invalid(fmt::format("{} {} {}{}", s_.spell(one), how, s_.spell(other), more));
    }

    void warn(std::string_view one, std::string_view how, std::string_view other, std::string_view more = {}) {
        warnings_.push_back(fmt::format("{} {} {}{}", s_.spell(one), how, s_.spell(other), more));
    }

    Error features() const {
        if (!s_.is_given("builtin.features"))
            return {};
        const Property& row = *find_property("builtin.features");
        const auto ours = parse_value(row, row.name, row.preset);
        for (const Choice& feature : row.choices)
            if ((s_.number("builtin.features") & ~ours->number & feature.value) != 0)
                return invalid(fmt::format(
                    "Invalid value \"{}\" for configuration property \"builtin.features\": this build has {}", feature.word, row.preset));
        return {};
    }

    // 0.8.0, 0.10.2, 3.9, ...
    static bool is_release(std::string_view text) {
        int parts[4] = {0, 0, 0, 0};
        const char* at = text.data();
        const char* const end = at + text.size();
        for (int i = 0; i < 4; ++i) {
            const auto [next, ec] = std::from_chars(at, end, parts[i]);
            if (ec != std::errc() || parts[i] < 0 || parts[i] > 99)
                return false;
            if (next == end)
                return parts[0] > 0 || parts[1] >= 8;
            if (*next != '.')
                return false;
            at = next + 1;
        }
        return false;
    }

    Error transactions() {
        if (s_.text("transactional.id").empty())
            return {};
        if (s_.is_given("enable.idempotence") && !s_.is_true("enable.idempotence"))
            return clash("enable.idempotence", "must be true with", "transactional.id");
        s_.adjust("enable.idempotence", 1);
        const int64_t limit = s_.number("transaction.timeout.ms");
        if (!s_.is_given("message.timeout.ms"))
            s_.adjust("message.timeout.ms", limit);
        else if (s_.number("message.timeout.ms") == 0 || s_.number("message.timeout.ms") > limit)
            return clash("message.timeout.ms", "must not be above", "transaction.timeout.ms");
        if (!s_.is_given("socket.timeout.ms"))
            s_.adjust("socket.timeout.ms", std::min(s_.number("socket.timeout.ms"), std::max<int64_t>(limit - 100, 900)));
        else if (s_.number("socket.timeout.ms") > limit + 100)
            return clash("socket.timeout.ms", "must not be above", "transaction.timeout.ms", " + 100");
        return {};
    }

    Error idempotence() {
        const bool transactional = !s_.text("transactional.id").empty();
        // Java: it is only a default there, so settings that rule it out turn it off.
        if (java() && !transactional && !s_.is_given("enable.idempotence") &&
            (s_.number("acks") != -1 || s_.number("retries") == 0))
            s_.adjust("enable.idempotence", 0);
        if (!s_.is_true("enable.idempotence"))
            return {};
        const auto needed = [&](std::string_view name, std::string_view what) {
            return clash(name, what, transactional ? "transactional.id" : "enable.idempotence");
        };
        if (s_.is_given("acks") && s_.number("acks") != -1)
            return needed("acks", "must be all with");
        if (s_.is_given("max.in.flight") && s_.number("max.in.flight") > 5)
            return needed("max.in.flight", "must be at most 5 with");
        if (s_.is_given("retries") && s_.number("retries") < 1)
            return needed("retries", "must be at least 1 with");
        if (s_.number("queuing.strategy") != 0)
            return needed("queuing.strategy", "must be fifo with");
        if (s_.number("queue.buffering.backpressure.threshold") > 1)
            return needed("queue.buffering.backpressure.threshold", "must be 1 with");
        s_.adjust("acks", -1);
        s_.adjust("max.in.flight", std::min<int64_t>(s_.number("max.in.flight"), 5));
        return {};
    }

    Error java_producer() {
        const int64_t limit = s_.number("message.timeout.ms");
        const int64_t needed = s_.number("request.timeout.ms") + static_cast<int64_t>(std::ceil(s_.real("linger.ms")));
        if (limit == 0 || limit >= needed)
            return {};
        if (s_.is_given("message.timeout.ms"))
            return clash("message.timeout.ms", "must be at least linger.ms +", "request.timeout.ms");
        s_.adjust("message.timeout.ms", std::min(needed, int_max));
        warn("message.timeout.ms", "is raised to linger.ms +", "request.timeout.ms");
        return {};
    }

    Error group() {
        if (s_.number("offset.store.method") == 1)
            return invalid("Invalid value \"file\" for configuration property \"offset.store.method\": offsets are not kept in files");
        if (s_.text("group.protocol.type") != "consumer")
            return invalid(fmt::format(
                "Invalid value \"{}\" for configuration property \"group.protocol.type\": expected consumer",
                s_.text("group.protocol.type")));
        if (s_.text("group.protocol") == "consumer") {
            for (const char* name :
                 {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type"})
                if (s_.is_given(name))
                    return clash(name, "cannot be set with", "group.protocol", "=consumer: the broker decides");
            return {};
        }
        const int64_t strategies = s_.number("partition.assignment.strategy");
        constexpr int64_t cooperative = 4;
        if ((strategies & cooperative) != 0 && strategies != cooperative)
            return invalid(fmt::format(
                "Invalid value \"{}\" for configuration property \"partition.assignment.strategy\": cooperative-sticky does "
                "not mix with range and roundrobin",
                s_.text("partition.assignment.strategy")));
        if (s_.number("session.timeout.ms") > s_.number("max.poll.interval.ms"))
            return clash("session.timeout.ms", "must not be above", "max.poll.interval.ms");
        if (java() && s_.number("heartbeat.interval.ms") >= s_.number("session.timeout.ms"))
            return clash("heartbeat.interval.ms", "must be less than", "session.timeout.ms");
        return {};
    }

    Settings& s_;
    const Role role_;
    std::vector<std::string>& warnings_;
};

} // namespace

Error cross_check(Settings& settings, Role role, std::vector<std::string>& warnings) {
    return Checker(settings, role, warnings).run();
}

} // namespace ottla::config
