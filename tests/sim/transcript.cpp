#include "sim/transcript.hpp"

#include <algorithm>

namespace ottla::sim {

void Transcript::add() {
    constexpr uint64_t fnv_prime = 0x100000001b3;
    for (const char c : buffer_)
        hash_ = (hash_ ^ static_cast<uint8_t>(c)) * fnv_prime;
    hash_ = (hash_ ^ '\n') * fnv_prime;
    if (!ring_.empty())
        ring_[count_ % ring_.size()].assign(buffer_.data(), buffer_.size());
    ++count_;
}

std::vector<std::string> Transcript::last() const {
    std::vector<std::string> lines;
    const uint64_t kept = std::min<uint64_t>(count_, ring_.size());
    for (uint64_t i = count_ - kept; i < count_; ++i)
        lines.push_back(ring_[i % ring_.size()]);
    return lines;
}

} // namespace ottla::sim
