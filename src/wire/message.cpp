#include "wire/message.hpp"

#include <algorithm>
#include <cstring>

namespace ottla::wire {

size_t Records::size() const {
    size_t sum = 0;
    for (const Buffer& piece : pieces)
        sum += piece.size();
    return sum;
}

bool operator==(const Records& a, const Records& b) {
    if (a.null != b.null || a.size() != b.size())
        return false;
    auto left = a.pieces.begin();
    auto right = b.pieces.begin();
    size_t left_at = 0, right_at = 0;
    while (left != a.pieces.end() && right != b.pieces.end()) {
        const size_t n = std::min(left->size() - left_at, right->size() - right_at);
        if (n && std::memcmp(left->data() + left_at, right->data() + right_at, n) != 0)
            return false;
        left_at += n;
        right_at += n;
        if (left_at == left->size()) {
            ++left;
            left_at = 0;
        }
        if (right != b.pieces.end() && right_at == right->size()) {
            ++right;
            right_at = 0;
        }
    }
    return true;
}

} // namespace ottla::wire
