#include "serdes/text_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <iconv.h>
#include <vector>

#include <ottla/error.hpp>

namespace ottla::detail {
namespace {

const iconv_t no_descriptor = reinterpret_cast<iconv_t>(-1); // NOLINT: the C library's way to say so

class Descriptor {
public:
    Descriptor(const std::string& to, const std::string& from) : handle_(iconv_open(to.c_str(), from.c_str())) {}
    Descriptor(Descriptor&& other) noexcept : handle_(std::exchange(other.handle_, no_descriptor)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Descriptor() {
        if (good())
            iconv_close(handle_);
    }
    bool good() const { return handle_ != no_descriptor; }
    iconv_t get() const { return handle_; }

private:
    iconv_t handle_;
};

struct Known {
    std::string to;
    std::string from;
    Descriptor descriptor;
};

// Descriptors have a state and take microseconds to make, so each thread keeps its own.
iconv_t descriptor_of(const std::string& to, const std::string& from) {
    static thread_local std::vector<Known> known;
    for (const Known& entry : known)
        if (entry.to == to && entry.from == from)
            return entry.descriptor.get();
    known.push_back({to, from, Descriptor(to, from)});
    return known.back().descriptor.get();
}

constexpr const char* utf8 = "UTF-8";
constexpr bool little = std::endian::native == std::endian::little;
constexpr const char* native_suffix = little ? "LE" : "BE";
constexpr const char* swapped_suffix = little ? "BE" : "LE";

// U+FEFF in 0, 2 or 4 bytes.
std::string_view mark(size_t size, std::endian order) {
    using namespace std::string_view_literals;
    if (size == 0)
        return {};
    if (order == std::endian::little)
        return size == 2 ? "\xff\xfe"sv : "\xff\xfe\0\0"sv;
    return size == 2 ? "\xfe\xff"sv : "\0\0\xfe\xff"sv;
}

constexpr const char* utf16 = "UTF-16";
constexpr const char* utf32 = "UTF-32";

// What Python calls otherwise than the C library.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> names{{
    {"utf-8", utf8},
    {"utf8", utf8},
    {"u8", utf8},
    {"latin-1", "ISO-8859-1"},
    {"latin", "ISO-8859-1"},
    {"l1", "ISO-8859-1"},
    {"iso8859-1", "ISO-8859-1"},
    {"ascii", "US-ASCII"},
    {"646", "US-ASCII"},
    {"utf-16-le", "UTF-16LE"},
    {"utf-16-be", "UTF-16BE"},
    {"utf-32-le", "UTF-32LE"},
    {"utf-32-be", "UTF-32BE"},
    {"utf-16", utf16},
    {"utf16", utf16},
    {"u16", utf16},
    {"utf-32", utf32},
    {"utf32", utf32},
    {"u32", utf32},
    {"sjis", "SHIFT-JIS"},
}};

} // namespace

TextCodec::TextCodec(std::string name, const std::string& iconv_name, size_t mark_size)
    : name_(std::move(name))
    , from_{mark_size ? iconv_name + native_suffix : iconv_name, utf8}
    , to_{from_.from, from_.to}
    , to_swapped_{utf8, mark_size ? iconv_name + swapped_suffix : iconv_name}
    , mark_size_(mark_size) {}

size_t TextCodec::from_utf8(std::string_view in, std::string& out) const {
    out.append(mark(mark_size_, std::endian::native));
    return convert(from_, in, out);
}

size_t TextCodec::to_utf8(std::string_view in, std::string& out) const {
    constexpr auto other = std::endian::native == std::endian::little ? std::endian::big : std::endian::little;
    const bool swapped = mark_size_ && in.starts_with(mark(mark_size_, other));
    if (swapped || in.starts_with(mark(mark_size_, std::endian::native)))
        in.remove_prefix(mark_size_);
    return convert(swapped ? to_swapped_ : to_, in, out);
}

std::shared_ptr<const TextCodec> TextCodec::find(std::string_view name) {
    std::string plain(name);
    std::transform(plain.begin(), plain.end(), plain.begin(), [](unsigned char c) {
        return c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    const auto other = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == plain; });
    std::string iconv_name(other == names.end() ? std::string_view(plain) : other->second);
    if (iconv_name == utf8)
        return nullptr;
    if (iconv_name == utf16 || iconv_name == utf32)
        return std::shared_ptr<const TextCodec>(new TextCodec(std::string(name), iconv_name, iconv_name == utf16 ? 2 : 4));
    if (iconv_name.starts_with("iso2022"))
        iconv_name.insert(3, "-");
    // Empty means the locale's; a slash begins what iconv is to do with characters that it lacks.
    const bool a_name = !name.empty() && name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
    const auto known = [](const std::string& n) { return Descriptor(n, utf8).good() && Descriptor(utf8, n).good(); };
    if (a_name && !known(iconv_name))
        iconv_name = name; // some have an underscore there
    if (!a_name || !known(iconv_name))
        throw KafkaException(Error(Errc::_invalid_arg, "no text codec is called \"" + std::string(name) + "\""));
    return std::shared_ptr<const TextCodec>(new TextCodec(std::string(name), iconv_name));
}

size_t TextCodec::convert(const Direction& direction, std::string_view in, std::string& out) {
    const iconv_t descriptor = descriptor_of(direction.to, direction.from);
    if (descriptor == no_descriptor)
        throw std::bad_alloc(); // it was there when the codec was looked up
    iconv(descriptor, nullptr, nullptr, nullptr, nullptr); // whatever the last text left behind
    char* from = const_cast<char*>(in.data());             // iconv only reads
    size_t left = in.size();
    size_t used = out.size();
    for (bool whole = false;;) {
        constexpr size_t least_room = 32;
        out.resize(std::max(out.capacity(), used + left + least_room));
        char* to = out.data() + used;
        size_t room = out.size() - used;
        const size_t result = whole ? iconv(descriptor, nullptr, nullptr, &to, &room) // codecs with shifts end unshifted
                                    : iconv(descriptor, &from, &left, &to, &room);
        const int why = errno;
        used = out.size() - room;
        out.resize(used);
        if (result != static_cast<size_t>(-1)) {
            if (std::exchange(whole, true))
                return npos;
        } else if (why == E2BIG) {
            out.reserve(2 * (used + least_room));
        } else {
            return in.size() - left;
        }
    }
}

} // namespace ottla::detail
