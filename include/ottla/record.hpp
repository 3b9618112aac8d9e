// Records as the application sees them: headers to send, and views of received records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include <ottla/export.hpp>
#include <ottla/types.hpp>

namespace ottla {

namespace record {
class RecordParser;
}

/// A header of a record: a key that is not null and a value that may be. Owns nothing.
struct Header {
    std::string_view key;
    Bytes value{};
    friend bool operator==(const Header& a, const Header& b) = default;
};

/// The headers of a record, decoded one at a time. Valid as long as the record's bytes.
class OTTLA_EXPORT HeaderRange {
public:
    class iterator {
    public:
        using value_type = Header;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using pointer = const Header*;
        using reference = const Header&;

        iterator() = default;
        const Header& operator*() const { return header_; }
        const Header* operator->() const { return &header_; }
        iterator& operator++() {
            --left_;
            decode();
            return *this;
        }
        iterator operator++(int) {
            iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const iterator& a, const iterator& b) { return a.left_ == b.left_; }

    private:
        friend class HeaderRange;
        iterator(const uint8_t* at, int32_t left) : at_(at), left_(left) { decode(); }
        void decode();

        const uint8_t* at_ = nullptr;
        int32_t left_ = 0;
        Header header_;
    };

    HeaderRange() = default;
    HeaderRange(const uint8_t* at, int32_t count) : at_(at), count_(count) {}
    iterator begin() const { return {at_, count_}; }
    iterator end() const { return {nullptr, 0}; }
    size_t size() const { return static_cast<size_t>(count_); }
    bool empty() const { return count_ == 0; }

private:
    const uint8_t* at_ = nullptr;
    int32_t count_ = 0;
};

/// One record, as a view into the bytes it was received (or encoded) in. Plain pointers: copying is cheap, and whoever
/// hands it out says how long the bytes live.
class RecordView {
public:
    int64_t offset() const { return offset_; }
    /// Milliseconds since 1970; -1 when there is none.
    int64_t timestamp_ms() const { return timestamp_ms_; }
    TimestampType timestamp_type() const { return timestamp_type_; }
    Bytes key() const { return key_; }
    Bytes value() const { return value_; }
    HeaderRange headers() const { return {headers_, header_count_}; }
    size_t header_count() const { return static_cast<size_t>(header_count_); }
    /// Of the batch; -1 when not known.
    int32_t leader_epoch() const { return leader_epoch_; }

private:
    friend class record::RecordParser;
    int64_t offset_ = offset_invalid;
    int64_t timestamp_ms_ = -1;
    Bytes key_;
    Bytes value_;
    const uint8_t* headers_ = nullptr; ///< checked when the record was parsed
    int32_t header_count_ = 0;
    int32_t leader_epoch_ = -1;
    TimestampType timestamp_type_ = TimestampType::not_available;
};

} // namespace ottla
