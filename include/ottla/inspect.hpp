// Kafka's protocol seen from outside: the bytes of a connection become JSON, frame by frame. For tools that
// look at captures and dumps; no client needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <ottla/types.hpp>

namespace ottla {

/// The two ends of a connection. A client sends requests, a broker responses.
enum class Sender : uint8_t { client, broker };

/// A frame, or a stretch of bytes in which none was found.
struct SeenFrame {
    Sender sender = Sender::client;
    int16_t api_key = -1;   ///< -1: not known
    uint64_t position = 0;  ///< of the first byte, among all that the sender sent
    std::string_view error; ///< empty when everything could be read
    /// One JSON object on one line, valid during the call:
    /// `direction` ("request", "response"), `api`, `api_key`, `version`, `correlation_id`, `client_id`, as
    /// far as they are known; `bytes`, the size of the whole frame; `body`, in Kafka's JSON form; `error`;
    /// where there is no body, `hex`, how the frame begins.
    std::string_view json;
};

struct ConversationOptions {
    /// Records one by one, decompressed; else only how many there are.
    bool expand_records = false;
    /// Bytes. A frame that claims to be larger is none, and ends the direction in which it comes.
    size_t max_frame = size_t{128} << 20;
    /// What a response is taken for whose request was not seen. -1: for an error.
    int16_t response_api_key = -1;
    int16_t response_version = 0;
};

/// One connection, seen from outside. Fed with what each end sent, in pieces of any size; what it tells does
/// not depend on how the bytes were cut. Requests are read by their own heads, responses by the requests
/// before them. Bytes of raw SASL tokens (after SaslHandshake v0) are told as such. Memory: the unfinished
/// frame of each direction, and the heads of up to 10,000 requests without an answer. Use from one thread at
/// a time.
class Conversation {
public:
    using Sink = std::function<void(const SeenFrame&)>;

    /// `sink` is called from inside of the other functions.
    Conversation(ConversationOptions options, Sink sink);
    ~Conversation();
    Conversation(Conversation&&) noexcept;
    Conversation& operator=(Conversation&&) noexcept;

    /// The next bytes that `sender` sent.
    void feed(Sender sender, Bytes bytes);

    /// `count` bytes of `sender` cannot be had. If that is inside of a frame, only that frame is lost; else
    /// what follows is searched for the beginning of one.
    void lose(Sender sender, uint64_t count);

    /// The connection was there before: the first bytes of both ends may be from the middle of a frame.
    void join();

    /// No more bytes will come: frames that are not complete are told as errors.
    void end();

    /// Whether `sender` sent something that is not Kafka's protocol. What follows is passed over.
    bool is_off(Sender sender) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

enum class Likeness : uint8_t { no, yes, too_short };

/// Whether bytes begin like a request, size prefix included.
Likeness looks_like_request(Bytes bytes);

/// The key of an API by its name ("Produce", in upper or lower case) or number; nullopt if there is none.
std::optional<int16_t> find_api_key(std::string_view name);

/// "Produce" and the like; empty for a key that the specs do not know.
std::string_view api_name(int16_t key);

} // namespace ottla
