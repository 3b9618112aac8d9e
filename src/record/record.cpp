#include <ottla/record.hpp>

#include "record/record_parser.hpp"

namespace ottla {

void HeaderRange::iterator::decode() {
    if (left_ <= 0)
        return;
    // The lengths were checked when the record was parsed.
    const auto take = [this]() -> Bytes {
        int32_t size = -1;
        at_ = get_varint32(at_, at_ + max_varint32, size);
        if (size < 0)
            return {};
        const Bytes bytes(at_, static_cast<size_t>(size));
        at_ += size;
        return bytes;
    };
    header_.key = take().text();
    header_.value = take();
}

} // namespace ottla
