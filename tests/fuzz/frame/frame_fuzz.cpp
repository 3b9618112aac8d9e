// The bytes of a connection, in reads of any size. The first four bytes: the API, the version, how much a
// read brings, and whether requests (as a broker sees them) or responses come.
#include <algorithm>
#include <cstring>

#include "core/net/frame_reader.hpp"
#include "wire/frame.hpp"
#include "wire/table.hpp"

using namespace ottla;

namespace {

void read_request(const Buffer& frame) {
    wire::RequestHead head;
    if (wire::decode_request_head(head, frame))
        return;
    const auto* info = msg::find_message(static_cast<msg::ApiKey>(head.api_key), wire::Direction::request);
    if (!info)
        return;
    void* message = info->create();
    (void)wire::decode(*info, message, head.version, head.body);
    info->destroy(message);
}

void read_response(const Buffer& frame, const wire::MessageInfo& info, int16_t version) {
    void* message = info.create();
    (void)wire::decode_response(info, message, version, frame);
    info.destroy(message);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 4)
        return 0;
    const auto* info = msg::find_message(static_cast<msg::ApiKey>(data[0]), wire::Direction::response);
    if (!info)
        return 0;
    const auto version = static_cast<int16_t>(data[1]);
    const size_t step = size_t{data[2]} + 1;
    const bool requests = data[3] & 1;

    core::FrameReader reader(1 << 20, size_t{64} << 10);
    for (size_t at = 4; at < size;) {
        const auto space = reader.space();
        const size_t n = std::min({step, space.size(), size - at});
        std::memcpy(space.data(), data + at, n);
        at += n;
        const Error error = reader.commit(n, [&](const Buffer& frame) {
            requests ? read_request(frame) : read_response(frame, *info, version);
            return true;
        });
        if (error)
            break;
    }
    return 0;
}
