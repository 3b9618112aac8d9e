#include "core/group/assignor/sticky_user_data.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "base/endian.hpp"

namespace ottla::core::group {
namespace {

template <class T>
void append(std::vector<uint8_t>& out, T number) {
    uint8_t bytes[sizeof number];
    store_be(bytes, number);
    out.insert(out.end(), bytes, bytes + sizeof bytes);
}

/// Takes fields off the front. After the first that is missing or makes no sense all others are missing, too.
class Fields {
public:
    explicit Fields(Bytes bytes) : all_(bytes), left_(bytes.span()) {}

    bool failed() const { return failed_; }
    size_t left() const { return left_.size(); }

    template <class T>
    T number() {
        if (!has(sizeof(T)))
            return 0;
        const T value = load_be<T>(left_.data());
        left_ = left_.subspan(sizeof value);
        return value;
    }

    /// A length or a count of things that take at least `smallest` bytes each: 0 when they cannot be there.
    template <class T>
    size_t count(size_t smallest) {
        const T told = number<T>();
        if (told < 0 || !has(static_cast<size_t>(told) * smallest))
            failed_ = true;
        return failed_ ? 0 : static_cast<size_t>(told);
    }

    std::string text() {
        const size_t length = count<int16_t>(1);
        std::string value(reinterpret_cast<const char*>(left_.data()), length);
        left_ = left_.subspan(length);
        return value;
    }

    Error error() const {
        const size_t position = all_.size() - left_.size();
        return {Errc::_bad_msg, fmt::format("user data of {} bytes make no sense at {}", all_.size(), position)};
    }

private:
    bool has(size_t bytes) {
        failed_ = failed_ || left_.size() < bytes;
        return !failed_;
    }

    Bytes all_;
    std::span<const uint8_t> left_;
    bool failed_ = false;
};

} // namespace

std::vector<uint8_t> encode_holdings(const Holdings& holdings) {
    std::map<std::string_view, std::vector<int32_t>> topics;
    for (const TopicPartition& one : holdings.partitions)
        topics[one.topic].push_back(one.partition);
    std::vector<uint8_t> out;
    append(out, static_cast<int32_t>(topics.size()));
    for (auto& [topic, partitions] : topics) {
        std::sort(partitions.begin(), partitions.end());
        append(out, static_cast<int16_t>(topic.size())); // no longer than that in any assignment, either
        out.insert(out.end(), topic.begin(), topic.end());
        append(out, static_cast<int32_t>(partitions.size()));
        for (const int32_t partition : partitions)
            append(out, partition);
    }
    append(out, holdings.generation);
    return out;
}

Result<Holdings> decode_holdings(Bytes bytes) {
    constexpr size_t smallest_topic = sizeof(int16_t) + sizeof(int32_t);
    Fields fields(bytes);
    Holdings holdings;
    const size_t topics = fields.count<int32_t>(smallest_topic);
    for (size_t i = 0; i < topics && !fields.failed(); ++i) {
        const std::string topic = fields.text();
        const size_t partitions = fields.count<int32_t>(sizeof(int32_t));
        for (size_t k = 0; k < partitions; ++k)
            holdings.partitions.push_back({topic, fields.number<int32_t>()});
    }
    if (fields.failed())
        return fields.error();
    if (fields.left() >= sizeof holdings.generation)
        holdings.generation = fields.number<int32_t>();
    return holdings;
}

std::vector<uint8_t> encode_generation(int32_t generation) {
    std::vector<uint8_t> out;
    append(out, generation);
    return out;
}

Result<int32_t> decode_generation(Bytes bytes) {
    Fields fields(bytes);
    const auto generation = fields.number<int32_t>();
    if (fields.failed())
        return fields.error();
    return generation;
}

} // namespace ottla::core::group
