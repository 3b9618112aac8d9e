// Any message from any bytes. The first byte picks the message, the second the version; the rest is the body.
// What can be read can be written, and then means the same.
#include <cstdlib>

#include "wire/codec.hpp"
#include "wire/table.hpp"

using namespace ottla;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2)
        return 0;
    const wire::MessageInfo* info = msg::message_at(data[0]);
    const auto version = static_cast<int16_t>(data[1]);
    if (!info)
        return 0;
    void* message = info->create();
    void* again = info->create();
    if (!wire::decode(*info, message, version, Buffer::copy_of(Bytes(data + 2, size - 2)))) {
        const auto encoded = wire::encode(*info, message, version);
        if (!encoded || wire::decode(*info, again, version, encoded->flatten()) ||
            wire::to_json(*info, message, version) != wire::to_json(*info, again, version))
            std::abort();
    }
    info->destroy(message);
    info->destroy(again);
    return 0;
}
