// Vocabulary that every part of the client shares: byte views, ids, offsets, places. No I/O, no allocation policy.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/export.hpp>

namespace ottla {

/// A view of bytes that can be null, as Kafka's keys and values can: null and empty are different things.
/// It owns nothing; whoever hands it out says how long it lives.
class Bytes {
public:
    constexpr Bytes() = default; ///< null
    constexpr Bytes(std::nullptr_t) {}
    constexpr Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    Bytes(std::string_view text) : data_(reinterpret_cast<const uint8_t*>(text.data())), size_(text.size()) {
        if (!data_)
            data_ = empty();
    }
    Bytes(const std::string& text) : Bytes(std::string_view(text)) {}
    Bytes(const char* text) {
        if (text)
            *this = Bytes(std::string_view(text));
    }
    Bytes(std::span<const uint8_t> bytes) : data_(bytes.data() ? bytes.data() : empty()), size_(bytes.size()) {}
    Bytes(const std::vector<uint8_t>& bytes) : Bytes(std::span<const uint8_t>(bytes)) {}
    Bytes(std::span<const std::byte> bytes)
        : Bytes(std::span<const uint8_t>(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size())) {}

    constexpr bool is_null() const { return data_ == nullptr; }
    constexpr const uint8_t* data() const { return data_; }
    constexpr size_t size() const { return size_; }
    constexpr bool empty_or_null() const { return size_ == 0; }
    constexpr const uint8_t* begin() const { return data_; }
    constexpr const uint8_t* end() const { return data_ + size_; }
    constexpr uint8_t operator[](size_t i) const { return data_[i]; }
    constexpr std::span<const uint8_t> span() const { return {data_, size_}; }
    /// The bytes as text; empty for null.
    std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

    /// Null equals only null.
    friend bool operator==(Bytes a, Bytes b) {
        return a.is_null() == b.is_null() && a.size_ == b.size_ &&
               (a.size_ == 0 || std::memcmp(a.data_, b.data_, a.size_) == 0);
    }

private:
    static const uint8_t* empty() {
        static constexpr uint8_t nothing = 0;
        return &nothing;
    }

    const uint8_t* data_ = nullptr;
    size_t size_ = 0;
};

/// A Kafka topic or member id: 16 bytes, all zero meaning "none".
struct OTTLA_EXPORT Uuid {
    std::array<uint8_t, 16> bytes{};

    bool is_zero() const { return *this == Uuid{}; }
    /// 22 characters of URL-safe base64 without padding, Kafka's text form.
    std::string to_string() const;
    /// The inverse of to_string; nullopt when `text` is no such form.
    static std::optional<Uuid> parse(std::string_view text);
    auto operator<=>(const Uuid&) const = default;
};

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Logical offsets, usable wherever an offset to start from is asked for.
inline constexpr int64_t offset_beginning = -2;
inline constexpr int64_t offset_end = -1;
inline constexpr int64_t offset_stored = -1000;
inline constexpr int64_t offset_invalid = -1001;
/// Tail: the last `n` messages of a partition.
constexpr int64_t offset_tail(int64_t n) { return -2000 - n; }

/// Lets the partitioner choose.
inline constexpr int32_t partition_any = -1;

enum class TimestampType : int8_t { not_available = 0, create_time = 1, log_append_time = 2 };

enum class Compression : int8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// A partition of a topic. Equality, order and hash look at both.
struct TopicPartition {
    std::string topic;
    int32_t partition = partition_any;
    auto operator<=>(const TopicPartition&) const = default;
};

/// A partition and a position in it: an offset, or one of the logical ones above.
struct TopicPartitionOffset {
    std::string topic;
    int32_t partition = partition_any;
    int64_t offset = offset_invalid;
    int32_t leader_epoch = -1; ///< -1: not known
};

/// Who commits a group's offsets (KIP-447). The group's name alone will do for offsets that no member of it owns.
struct ConsumerGroupMetadata {
    std::string group_id;
    int32_t generation_id = -1; ///< or the member epoch
    std::string member_id{};
    std::optional<std::string> group_instance_id{};
};

} // namespace ottla

template <>
struct std::hash<ottla::TopicPartition> {
    size_t operator()(const ottla::TopicPartition& tp) const noexcept {
        return std::hash<std::string>{}(tp.topic) * 31 + static_cast<size_t>(tp.partition);
    }
};

template <>
struct std::hash<ottla::Uuid> {
    size_t operator()(const ottla::Uuid& id) const noexcept {
        size_t h;
        std::memcpy(&h, id.bytes.data(), sizeof h);
        return h;
    }
};
