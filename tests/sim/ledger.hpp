// What the application handed in, what it was told of it, and what became of it in the brokers' logs: the
// invariants.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "accumulator/batch.hpp"
#include "sim/world.hpp"

namespace ottla::sim {

struct Message {
    std::string topic;
    int32_t partition = partition_any; ///< as wanted, then as the report says
    size_t padding = 0;
    TimePoint accepted{};
    int reports = 0;
    Errc outcome = Errc::no_error;
    bool possibly_persisted = false;
    int64_t offset = offset_invalid; ///< as reported

    bool acknowledged() const { return reports != 0 && outcome == Errc::no_error; }
};

class Ledger {
public:
    struct Rules {
        bool idempotent = false;
        bool in_order = false; ///< acknowledged messages lie in the order in which they were accepted
    };

    Ledger(World& world, Rules rules)
        : world_(world)
        , rules_(rules) {}

    /// The value of message `id`: its number, then bytes that follow from it.
    static std::string value_of(size_t id, size_t padding);

    size_t accept(std::string topic, int32_t partition, size_t padding);

    /// The last one was not accepted after all.
    void withdraw() {
        messages_.pop_back();
        --unreported_;
    }

    /// Every message of a batch whose outcome is settled.
    void on_delivered(const accumulator::Batch& batch);

    const std::vector<Message>& messages() const { return messages_; }

    size_t unreported() const { return unreported_; }

    size_t acknowledged() const { return acknowledged_; }

    /// Compares with the logs. Violations go to the world.
    void check_logs();
    /// Values by offset of each partition, as check_logs found them.
    using Log = std::vector<std::string>;

    const std::map<std::pair<std::string, int32_t>, Log>& logs() const { return logs_; }

private:
    void check_partition(const std::string& topic, int32_t index, const mock::Partition& partition);
    size_t id_of(const std::string& value) const;

    World& world_;
    const Rules rules_;
    std::vector<Message> messages_;
    std::vector<int> copies_; ///< in the logs, by id
    size_t unreported_ = 0;
    size_t acknowledged_ = 0;
    std::map<std::pair<std::string, int32_t>, Log> logs_;
};

} // namespace ottla::sim
