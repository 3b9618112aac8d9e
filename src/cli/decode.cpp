// ottla decode: frames of Kafka's protocol, from hex text, from a file of their bytes or from a capture, as
// JSON.
#include <memory>

#include <fmt/format.h>
#include <ottla/inspect.hpp>

#include "capture.hpp"
#include "common.hpp"
#include "frame_printer.hpp"
#include "hex_text.hpp"
#include "source.hpp"

namespace ottla::cli {
namespace {

enum class InputFormat { found, hex, raw, capture };

struct DecodeOptions {
    std::string file = "-";
    std::string format = "auto";
    bool response = false;
    std::vector<std::string> apis;
    int version = -1;
    std::vector<uint16_t> ports;
    bool records = false;
    bool pretty = false;
};

InputFormat find_format(Bytes begin) {
    if (is_capture(begin))
        return InputFormat::capture;
    for (const uint8_t byte : begin)
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f') || byte == 0x7f)
            return InputFormat::raw;
    return InputFormat::hex;
}

InputFormat format_of(const DecodeOptions& options, Bytes begin) {
    if (options.format == "hex")
        return InputFormat::hex;
    if (options.format == "raw")
        return InputFormat::raw;
    return options.format == "pcap" ? InputFormat::capture : find_format(begin);
}

/// Frames without a capture around them.
class Bare {
public:
    Bare(const DecodeOptions& options, const ConversationOptions& conversation, FramePrinter& printer)
        : sender_(options.response ? Sender::broker : Sender::client)
        , printer_(printer)
        , conversation_(conversation, [this](const SeenFrame& frame) {
            first_is_bad_ |= printer_.frames() == 0 && frame.sender == Sender::client && !frame.error.empty();
            printer_.print(frame, {});
        }) {}

    void read_hex(Source& source) {
        HexText text(sender_, [this](Sender sender, Bytes bytes) { conversation_.feed(sender, bytes); });
        try {
            const bool is_all = read(source, [&](Bytes bytes) {
                text.feed(bytes.text());
                return text.has_marks() ||
                       !conversation_.is_off(sender_); // the other end may still make sense
            });
            if (is_all)
                text.end();
        } catch (const HexText::Error& e) {
            printer_.complain(fmt::format("{}: {}", source.name(), e.what()));
        }
        conversation_.end();
        if (first_is_bad_)
            printer_.complain("what is not marked is taken for requests; of responses --response, --api and "
                              "--api-version tell");
        if (!text.has_bytes() && !printer_.failed())
            throw UsageError(fmt::format("{} has no hexadecimal digits", source.name()));
    }

    void read_raw(Source& source) {
        read(source, [this](Bytes bytes) {
            conversation_.feed(sender_, bytes);
            return !conversation_.is_off(sender_);
        });
        conversation_.end();
    }

private:
    /// Until `take` returns false; true when all was read.
    template <class F>
    bool read(Source& source, F take) {
        std::vector<uint8_t> chunk(size_t{64} << 10);
        while (!printer_.is_done()) {
            const size_t got = source.read(chunk);
            if (got == 0)
                return true;
            if (!take(Bytes(chunk.data(), got)))
                break;
        }
        return false;
    }

    const Sender sender_;
    FramePrinter& printer_;
    bool first_is_bad_ = false; ///< and should have been a request
    Conversation conversation_;
};

std::set<int16_t> keys_of(const std::vector<std::string>& names) {
    std::set<int16_t> keys;
    for (const auto& name : names) {
        const auto key = find_api_key(name);
        if (!key)
            throw UsageError(fmt::format("--api {}: there is no such API", name));
        keys.insert(*key);
    }
    return keys;
}

void run(const DecodeOptions& options) {
    const std::set<int16_t> apis = keys_of(options.apis);
    ConversationOptions conversation{.expand_records = options.records};
    if (options.response) {
        if (apis.size() != 1 || options.version < 0)
            throw UsageError(
                "--response needs one --api, and --api-version: a response does not tell what it answers"
            );
        conversation.response_api_key = *apis.begin();
        conversation.response_version = static_cast<int16_t>(options.version);
    }
    catch_signals();
    Source source(options.file);
    const Bytes begin = source.peek();
    if (interrupted())
        return;
    if (begin.size() == 0)
        throw UsageError(fmt::format("{} is empty", source.name()));
    const InputFormat format = format_of(options, begin);
    if (!options.ports.empty() && format != InputFormat::capture)
        throw UsageError("--port is for captures");
    if (options.response && format == InputFormat::capture)
        throw UsageError("--response is for frames without a capture around them");
    FramePrinter printer({.pretty = options.pretty, .at_once = source.is_live(), .apis = apis});
    if (format == InputFormat::capture)
        decode_capture(source, conversation, options.ports, printer);
    else if (format == InputFormat::hex)
        Bare(options, conversation, printer).read_hex(source);
    else
        Bare(options, conversation, printer).read_raw(source);
    printer.finish();
    if (printer.failed())
        exit_code = exit_failed;
}

} // namespace

void add_decode(CLI::App& app) {
    auto* command = app.add_subcommand(
        "decode", "Show Kafka's protocol as JSON: hex text, bytes of frames, or a capture"
    );
    auto options = std::make_shared<DecodeOptions>();
    command->add_option("file", options->file, "File to read; - is stdin")
        ->check(not_empty())
        ->capture_default_str();
    command->add_option("--format", options->format, "auto, hex, raw or pcap (pcapng, too)")
        ->check(CLI::IsMember({"auto", "hex", "raw", "pcap"}))
        ->capture_default_str();
    command->add_flag("--records", options->records, "Show records one by one, not only how many there are");
    command->add_option("--api", options->apis, "Only frames of this API, by name or key (repeatable)")
        ->allow_extra_args(false);
    command
        ->add_option(
            "--port", options->ports, "Port of brokers in a capture (repeatable); default: found out"
        )
        ->check(CLI::Range(1, 65535))
        ->allow_extra_args(false);
    auto* response = command->add_flag(
        "--response", options->response, "The frames are responses, of --api and --api-version"
    );
    command
        ->add_option(
            "--api-version", options->version, "With --response: version of the request that was answered"
        )
        ->check(CLI::Range(0, INT16_MAX))
        ->needs(response);
    command->add_flag("--pretty", options->pretty, "Indent, each object on several lines");
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
