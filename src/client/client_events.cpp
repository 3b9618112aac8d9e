#include "client/client_events.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

namespace ottla::client {

ClientEvents::ClientEvents(std::string name, int log_level, LogSink sink, ErrorHandler on_error)
    : name_(std::move(name)), log_level_(log_level), sink_(std::move(sink)), on_error_(std::move(on_error)) {}

void ClientEvents::on_error(const Error& error) {
    on_log(error.errc() == Errc::_all_brokers_down ? 3 : 4, "ERROR", error_name(error.errc()) + ": " + error.message());
    if (!on_error_)
        return;
    {
        std::lock_guard lock(mutex_);
        const bool known = std::any_of(waiting_.begin(), waiting_.end(), [&](const Error& e) {
            return e.code == error.code && e.detail == error.detail;
        });
        if (known)
            return;
        if (waiting_.size() == max_waiting)
            waiting_.pop_front();
        waiting_.push_back(error);
    }
    if (waker_)
        waker_();
}

void ClientEvents::on_log(int level, std::string_view facility, std::string_view text) {
    if (level > log_level_)
        return;
    if (sink_)
        sink_(level, facility, text);
    else if (level <= 4)
        fmt::print(stderr, "%{}|{}|{}| {}\n", level, facility, name_, text);
}

void ClientEvents::on_throttle(int32_t node, std::chrono::milliseconds time) {
    on_log(7, "THROTTLE", fmt::format("broker {} throttles this client by {} ms", node, time.count()));
}

size_t ClientEvents::serve() {
    std::deque<Error> batch;
    {
        std::lock_guard lock(mutex_);
        batch.swap(waiting_);
    }
    for (auto& error : batch)
        on_error_(KafkaError(std::move(error)));
    return batch.size();
}

bool ClientEvents::pending() const {
    std::lock_guard lock(mutex_);
    return !waiting_.empty();
}

} // namespace ottla::client
