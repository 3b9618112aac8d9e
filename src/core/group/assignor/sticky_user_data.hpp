// What the sticky assignors let members say of themselves beside their subscription. The eager one tells all that its member
// held, for under eager rebalancing nothing is owned when members join; the cooperative one only the generation, for clients
// whose subscriptions have no field for it.
#pragma once

#include <cstdint>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

namespace ottla::core::group {

/// What a member held, and in which generation it was given that.
struct Holdings {
    std::vector<TopicPartition> partitions{};
    int32_t generation = -1; ///< -1: not told

    friend bool operator==(const Holdings&, const Holdings&) = default;
};

/// For `sticky`, in the format with a generation. Topics and partitions are sorted.
std::vector<uint8_t> encode_holdings(const Holdings& holdings);

/// Also the older format, without a generation; what follows is ignored. Errors: _bad_msg, with the position.
Result<Holdings> decode_holdings(Bytes bytes);

/// For `cooperative-sticky`.
std::vector<uint8_t> encode_generation(int32_t generation);

/// What follows is ignored. Errors: _bad_msg.
Result<int32_t> decode_generation(Bytes bytes);

} // namespace ottla::core::group
