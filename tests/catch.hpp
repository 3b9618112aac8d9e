// Catch2 of either generation: version 3 where the build found it, else the single header of version 2.
#pragma once

#include <string>

#include <boost/system/result.hpp>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
using Catch::Matchers::Contains;

inline auto ContainsSubstring(const std::string& text) {
    return Contains(text);
}
#endif

// Results print their error; their values need not be printable.
template <class T, class E>
struct Catch::StringMaker<boost::system::result<T, E>> {
    static std::string convert(const boost::system::result<T, E>& result) {
        if (result)
            return "a value";
        if constexpr (requires { result.error().message(); })
            return "error: " + result.error().message();
        else
            return "an error";
    }
};
