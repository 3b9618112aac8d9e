#include "client/client_events.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>

namespace ottla::client {
namespace {

std::string_view word_of(ClientKind kind) {
    return kind == ClientKind::producer ? "producer" : kind == ClientKind::consumer ? "consumer" : "admin";
}

// Numbered over the process, so that lines of two clients can be told apart.
std::string make_name(const std::string& client_id, ClientKind kind) {
    static std::atomic<int> made{0};
    return fmt::format("{}#{}-{}", client_id, word_of(kind), ++made);
}

} // namespace

ClientEvents::ClientEvents(const config::ClientConfig& config, ClientKind kind, LogSink sink, ErrorHandler on_error, Observers observers)
    : name_(make_name(config.client_id, kind))
    , log_level_(config.log_level)
    , sink_(std::move(sink))
    , on_error_(std::move(on_error))
    , observers_(std::move(observers))
    , client_id_(config.client_id)
    , type_(word_of(kind))
    , queue_lines_(config.log_queue && sink_ && kind != ClientKind::admin) // which has no poll call
    , log_(*this, config.debug) {}

void ClientEvents::on_error(const Error& error) {
    on_log(error.errc() == Errc::_all_brokers_down ? 3 : 4, "ERROR", error_name(error.errc()) + ": " + error.message());
    if (!on_error_)
        return;
    {
        std::lock_guard lock(mutex_);
        const bool known = std::any_of(waiting_.errors.begin(), waiting_.errors.end(), [&](const Error& e) {
            return e.code == error.code && e.detail == error.detail;
        });
        if (known)
            return;
        if (waiting_.errors.size() == max_waiting)
            waiting_.errors.pop_front();
        waiting_.errors.push_back(error);
        pending_.store(true, std::memory_order_release);
    }
    ring();
}

void ClientEvents::on_log(int level, std::string_view facility, std::string_view text) {
    if (level > log_level_)
        return;
    if (!queue_lines_) {
        write(level, facility, text);
        return;
    }
    {
        std::lock_guard lock(mutex_);
        if (waiting_.lines.size() == max_lines)
            waiting_.lines.pop_front();
        waiting_.lines.push_back({level, std::string(facility), std::string(text)});
        pending_.store(true, std::memory_order_release);
    }
    ring();
}

void ClientEvents::write(int level, std::string_view facility, std::string_view text) const {
    if (sink_) {
        sink_(level, facility, name_, text);
        return;
    }
    using namespace std::chrono;
    const auto ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    fmt::print(stderr, "%{}|{}.{:03}|{}|{}| {}\n", level, ms / 1000, ms % 1000, facility, name_, text);
}

void ClientEvents::ring() {
    if (waker_)
        waker_();
}

void ClientEvents::on_throttle(std::string_view broker, int32_t node, std::chrono::milliseconds time) {
    log_.debug(LogContext::broker, "THROTTLE", "broker {} throttles this client by {} ms", node, time.count());
    if (!observers_.listener && !observers_.on_throttle)
        return;
    ThrottleEvent event{std::string(broker), node, time};
    tell([&](MetricsListener& listener) { listener.on_throttle(event); });
    if (!observers_.on_throttle)
        return;
    {
        std::lock_guard lock(mutex_);
        if (waiting_.throttles.size() == max_waiting)
            waiting_.throttles.pop_front();
        waiting_.throttles.push_back(std::move(event));
        pending_.store(true, std::memory_order_release);
    }
    ring();
}

void ClientEvents::on_commit(Error error, std::vector<CommittedOffset> offsets) {
    if (error)
        log_.debug(LogContext::cgrp, "COMMIT", "a commit of {} partitions failed: {}", offsets.size(), error.message());
    if (!observers_.on_commit)
        return;
    {
        std::lock_guard lock(mutex_);
        waiting_.commits.emplace_back(std::move(error), std::move(offsets));
        pending_.store(true, std::memory_order_release);
    }
    ring();
}

template <class F>
void ClientEvents::tell(F&& f) {
    if (!observers_.listener)
        return;
    try {
        f(*observers_.listener);
    } catch (const std::exception& e) {
        on_log(4, "METRICS", fmt::format("a metrics listener threw: {}", e.what()));
    } catch (...) {
        on_log(4, "METRICS", "a metrics listener threw no std::exception");
    }
}

void ClientEvents::on_request(const MetricsListener::Request& request) {
    tell([&](MetricsListener& listener) { listener.on_request(request); });
}

void ClientEvents::on_batch(const MetricsListener::Batch& batch) {
    tell([&](MetricsListener& listener) { listener.on_batch(batch); });
}

void ClientEvents::on_metrics(Metrics metrics) {
    tell([&](MetricsListener& listener) { listener.on_metrics(metrics); });
    if (!observers_.on_statistics)
        return;
    {
        std::lock_guard lock(mutex_);
        waiting_.statistics = std::move(metrics); // one that nobody has fetched is old by now
        pending_.store(true, std::memory_order_release);
    }
    ring();
}

Metrics ClientEvents::begin_metrics(TimePoint now) const {
    Metrics all{
        .name = name_,
        .client_id = client_id_,
        .type = type_,
        .taken = now,
        .wall_time = std::chrono::system_clock::now(),
        .age = std::chrono::duration_cast<std::chrono::microseconds>(now - made_)};
    std::lock_guard lock(mutex_);
    all.events_waiting = static_cast<int64_t>(waiting_.count());
    return all;
}

void ClientEvents::on_created(const Config& config, ClientKind kind, const std::vector<std::string>& warnings) {
    for (const auto& warning : warnings)
        on_log(4, "CONFWARN", warning);
    log_.debug(LogContext::generic, "INIT", "ottla {}: {} made", OTTLA_VERSION, name_);
    if (!log_.wants(LogContext::conf))
        return;
    log_.debug(LogContext::conf, "CONF", "what differs from the defaults:");
    for (const PropertyValue& value : config.describe(kind))
        if (value.source != ValueSource::preset)
            log_.debug(LogContext::conf, "CONF", "  {} = {}", value.name, value.value);
}

size_t ClientEvents::serve() {
    if (!pending())
        return 0;
    Waiting taken;
    {
        std::lock_guard lock(mutex_);
        taken.swap(waiting_); // std::swap would allocate: deques do when they are moved
        pending_.store(false, std::memory_order_release);
    }
    try {
        return serve(taken);
    } catch (...) {
        put_back(std::move(taken));
        throw;
    }
}

// Each goes before it is told, so that what is left has not been.
size_t ClientEvents::serve(Waiting& taken) {
    const auto each = [](auto& all, auto&& tell) {
        while (!all.empty()) {
            auto one = std::move(all.front());
            all.pop_front();
            tell(one);
        }
    };
    each(taken.lines, [&](const Line& line) { write(line.level, line.facility, line.text); });
    const size_t count = taken.count(); // without lines
    each(taken.errors, [&](Error& error) { on_error_(KafkaError(std::move(error))); });
    each(taken.throttles, [&](const ThrottleEvent& event) { observers_.on_throttle(event); });
    each(taken.commits, [&](const auto& commit) { observers_.on_commit(commit.first, commit.second); });
    if (const auto statistics = std::exchange(taken.statistics, std::nullopt))
        observers_.on_statistics(to_json(*statistics));
    return count;
}

// Before what has come meanwhile.
void ClientEvents::put_back(Waiting rest) {
    {
        std::lock_guard lock(mutex_);
        const auto before = [](auto& first, auto& all) {
            first.insert(first.end(), std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
            all.swap(first);
        };
        before(rest.lines, waiting_.lines);
        before(rest.errors, waiting_.errors);
        before(rest.throttles, waiting_.throttles);
        before(rest.commits, waiting_.commits);
        if (!waiting_.statistics)
            waiting_.statistics = std::move(rest.statistics);
        if (waiting_.count() == 0)
            return; // what was taken is told, and nothing has come meanwhile
        pending_.store(true, std::memory_order_release);
    }
    ring();
}

} // namespace ottla::client
