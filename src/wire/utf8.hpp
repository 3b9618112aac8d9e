// Validity of UTF-8 text (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF).
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace ottla::wire {

inline bool is_utf8(std::string_view text) {
    const auto* at = reinterpret_cast<const uint8_t*>(text.data());
    const auto* const end = at + text.size();
    while (at != end) {
        if (*at < 0x80) {
            ++at;
            continue;
        }
        const uint8_t lead = *at;
        int more = 0;
        uint8_t low = 0x80, high = 0xbf; // bounds of the second byte
        if (lead >= 0xc2 && lead <= 0xdf) {
            more = 1;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            more = 2;
            low = lead == 0xe0 ? 0xa0 : 0x80;
            high = lead == 0xed ? 0x9f : 0xbf;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            more = 3;
            low = lead == 0xf0 ? 0x90 : 0x80;
            high = lead == 0xf4 ? 0x8f : 0xbf;
        } else {
            return false;
        }
        if (end - at <= more || at[1] < low || at[1] > high)
            return false;
        for (int i = 2; i <= more; ++i)
            if ((at[i] & 0xc0) != 0x80)
                return false;
        at += more + 1;
    }
    return true;
}

/// Whether requests of every version can carry it: the length of a string is an int16.
inline bool fits_string(std::string_view text) { return text.size() <= INT16_MAX && is_utf8(text); }

} // namespace ottla::wire
