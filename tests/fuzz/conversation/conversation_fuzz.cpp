// A connection seen from outside. The first byte: whether records are shown, and whether it is joined late.
// Then pieces: a byte that says who sends and whether the bytes are there or missing, one that says how many
// there are, and they. However the bytes of each end are cut, the same must be told.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/inspect.hpp>

using namespace ottla;

namespace {

struct Piece {
    Sender sender;
    bool missing;
    Bytes bytes;
};

std::vector<Piece> pieces_of(const uint8_t* data, size_t size) {
    std::vector<Piece> pieces;
    for (size_t at = 0; at + 2 <= size;) {
        const uint8_t kind = data[at];
        const size_t length = std::min<size_t>(data[at + 1], size - at - 2);
        at += 2;
        pieces.push_back(
            {kind & 1 ? Sender::broker : Sender::client, (kind & 0xf0) == 0xf0, Bytes(data + at, length)}
        );
        at += length;
    }
    return pieces;
}

std::string told(const std::vector<Piece>& pieces, uint8_t options, size_t step) {
    std::string out;
    Conversation conversation(
        {.expand_records = (options & 1) != 0,
         .max_frame = size_t{1} << 20,
         .response_api_key = static_cast<int16_t>(options & 2 ? options >> 2 : -1),
         .response_version = 1},
        [&](const SeenFrame& frame) {
            out += frame.json;
            out += frame.error.empty() ? '.' : '!';
            out += std::to_string(frame.position);
        }
    );
    if (options & 128)
        conversation.join();
    for (const Piece& piece : pieces) {
        if (piece.missing) {
            conversation.lose(piece.sender, piece.bytes.size() * 3);
            continue;
        }
        for (size_t at = 0; at < piece.bytes.size(); at += step)
            conversation.feed(
                piece.sender, Bytes(piece.bytes.data() + at, std::min(step, piece.bytes.size() - at))
            );
    }
    conversation.end();
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1)
        return 0;
    const auto pieces = pieces_of(data + 1, size - 1);
    if (told(pieces, data[0], 1000) != told(pieces, data[0], 3))
        std::abort();
    return 0;
}
