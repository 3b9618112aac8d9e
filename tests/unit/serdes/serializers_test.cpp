// Bytes are those of the Java client's serializers (Short, Integer, Long, Float, Double, String), and of Python's codecs.
#include <ottla/serdes/serializers.hpp>

#include <cmath>
#include <limits>
#include <thread>

#include "catch.hpp"

using namespace ottla;

namespace {

using Vector = std::vector<uint8_t>;

const SerializationContext orders_key{.topic = "orders", .field = MessageField::key};
const SerializationContext orders_value{.topic = "orders", .field = MessageField::value};

template <class F>
KafkaError error_of(F&& f) {
    try {
        f();
    } catch (const SerializationError& e) {
        return e.error();
    }
    FAIL("no SerializationError");
    return {};
}

template <class S, class T>
void check_number(T number, const Vector& bytes) {
    INFO(number);
    CHECK(serialize(S(), number) == bytes);
}

} // namespace

TEST_CASE("integers are big-endian, in two's complement") {
    check_number<IntegerSerializer, int32_t>(0, {0, 0, 0, 0});
    check_number<IntegerSerializer, int32_t>(1, {0, 0, 0, 1});
    check_number<IntegerSerializer, int32_t>(0x01020304, {1, 2, 3, 4});
    check_number<IntegerSerializer, int32_t>(-1, {0xff, 0xff, 0xff, 0xff});
    check_number<IntegerSerializer, int32_t>(std::numeric_limits<int32_t>::min(), {0x80, 0, 0, 0});
    check_number<IntegerSerializer, int32_t>(std::numeric_limits<int32_t>::max(), {0x7f, 0xff, 0xff, 0xff});
    check_number<ShortSerializer, int16_t>(-2, {0xff, 0xfe});
    check_number<LongSerializer, int64_t>(0x0102030405060708, {1, 2, 3, 4, 5, 6, 7, 8});
    check_number<LongSerializer, int64_t>(-4294967297, {0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff});
}

TEST_CASE("floating-point numbers are IEEE 754, big-endian") {
    check_number<DoubleSerializer, double>(0.0, {0, 0, 0, 0, 0, 0, 0, 0});
    check_number<DoubleSerializer, double>(1.0, {0x3f, 0xf0, 0, 0, 0, 0, 0, 0});
    check_number<DoubleSerializer, double>(-0.0, {0x80, 0, 0, 0, 0, 0, 0, 0});
    check_number<DoubleSerializer, double>(3.14, {0x40, 0x09, 0x1e, 0xb8, 0x51, 0xeb, 0x85, 0x1f});
    check_number<DoubleSerializer, double>(std::numeric_limits<double>::infinity(), {0x7f, 0xf0, 0, 0, 0, 0, 0, 0});
    check_number<FloatSerializer, float>(-1.5F, {0xbf, 0xc0, 0, 0});
}

TEST_CASE("numbers come back as they went") {
    for (const int32_t number : {0, 1, -1, 4711, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()})
        CHECK(IntegerDeserializer()(*serialize(IntegerSerializer(), number)) == number);
    for (const int64_t number : {int64_t{0}, int64_t{-4294967297}, std::numeric_limits<int64_t>::min()})
        CHECK(LongDeserializer()(*serialize(LongSerializer(), number)) == number);
    CHECK(ShortDeserializer()(*serialize(ShortSerializer(), int16_t{-2})) == int16_t{-2});
    for (const double number : {0.0, 3.14, -1e300, 5e-324, std::numeric_limits<double>::infinity()})
        CHECK(DoubleDeserializer()(*serialize(DoubleSerializer(), number)) == number);
    CHECK(std::isnan(*DoubleDeserializer()(*serialize(DoubleSerializer(), std::nan("")))));
    CHECK(FloatDeserializer()(*serialize(FloatSerializer(), -1.5F)) == -1.5F);
}

TEST_CASE("null comes back as nullopt, and empty bytes as what they are") {
    CHECK(!IntegerDeserializer()(nullptr));
    CHECK(!DoubleDeserializer()(nullptr));
    CHECK(!StringDeserializer()(nullptr));
    CHECK(!StringDeserializer("latin_1")(nullptr));
    CHECK(!BytesDeserializer()(nullptr));
    CHECK(StringDeserializer()("") == "");
    CHECK(StringDeserializer("latin_1")("") == "");
    CHECK(BytesDeserializer()("") == Bytes(""));
    CHECK_THROWS_AS(IntegerDeserializer()(""), SerializationError);
}

TEST_CASE("a wrong number of bytes is told with the one that was expected") {
    const Vector three{1, 2, 3};
    const auto integer = error_of([&] { IntegerDeserializer()(three, orders_key); });
    CHECK(integer.code() == Errc::_key_deserialization);
    CHECK(integer.str() == "key of orders: integer: 4 bytes expected, 3 found");
    const auto number = error_of([&] { DoubleDeserializer()(three, orders_value); });
    CHECK(number.code() == Errc::_value_deserialization);
    CHECK(number.str() == "value of orders: floating-point number: 8 bytes expected, 3 found");
    const auto nowhere = error_of([&] { LongDeserializer()(Vector(9)); });
    CHECK(nowhere.code() == Errc::_bad_msg);
    CHECK(nowhere.str() == "integer: 8 bytes expected, 9 found");
}

TEST_CASE("text is UTF-8 unless another codec is named, and is then not copied") {
    const std::string text = "Grüße, 世界 \xf0\x9f\x98\x80";
    SerializerOutput out;
    StringSerializer()(text, orders_value, out);
    CHECK(out.bytes() == Bytes(text));
    CHECK(out.bytes().data() == reinterpret_cast<const uint8_t*>(text.data()));
    CHECK(StringDeserializer("UTF-8")(text) == text);
    CHECK(serialize(StringSerializer("utf8"), "x") == Vector{'x'});
}

TEST_CASE("codecs give the bytes that they give elsewhere, and read them") {
    struct Row {
        const char* codec;
        std::string text;
        Vector bytes;
    };
    const Row rows[] = {
        {"latin_1", "Grüße", {'G', 'r', 0xfc, 0xdf, 'e'}},
        {"ISO-8859-1", "é", {0xe9}},
        {"ascii", "plain", {'p', 'l', 'a', 'i', 'n'}},
        {"us-ascii", "", {}},
        {"utf_16_le", "a\xc3\xa9\xf0\x9f\x98\x80", {'a', 0, 0xe9, 0, 0x3d, 0xd8, 0, 0xde}},
        {"utf_16_be", "a\xc3\xa9", {0, 'a', 0, 0xe9}},
        {"UTF-16LE", "a", {'a', 0}},
        {"utf_16", "a", {0xff, 0xfe, 'a', 0}}, // this machine's order
        {"UTF-32", "a", {0xff, 0xfe, 0, 0, 'a', 0, 0, 0}},
        {"utf_32_be", "a", {0, 0, 0, 'a'}},
        {"cp1252", "€", {0x80}},
        {"koi8_r", "да", {0xc4, 0xc1}},
        {"shift_jis", "日本", {0x93, 0xfa, 0x96, 0x7b}},
        {"iso2022_jp", "日a", {0x1b, '$', 'B', 'F', '|', 0x1b, '(', 'B', 'a'}},
        {"iso2022_jp", "a日", {'a', 0x1b, '$', 'B', 'F', '|', 0x1b, '(', 'B'}}, // shifted back at the end
    };
    for (const Row& row : rows) {
        INFO(row.codec << " " << row.text);
        for (int twice = 0; twice < 2; ++twice) { // nothing is left of the text before
            CHECK(serialize(StringSerializer(row.codec), row.text) == row.bytes);
            CHECK(StringDeserializer(row.codec)(row.bytes) == row.text);
        }
    }
}

TEST_CASE("a byte order mark is obeyed when utf_16 is read") {
    CHECK(StringDeserializer("utf_16")(Vector{0xfe, 0xff, 0, 'a'}) == "a");
    CHECK(StringDeserializer("utf_16")(Vector{0xff, 0xfe, 'a', 0}) == "a");
    CHECK(StringDeserializer("utf_16")(Vector{0xfe, 0xff, 0xd8, 0x3d, 0xde, 0}) == "\xf0\x9f\x98\x80");
    CHECK(StringDeserializer("utf_32")(Vector{0, 0, 0xfe, 0xff, 0, 0, 0, 'a'}) == "a");
    CHECK(StringDeserializer("utf_32")(Vector{0xff, 0xfe, 0, 0, 'a', 0, 0, 0}) == "a");
    CHECK(StringDeserializer("utf_16")(Vector{'a', 0}) == "a"); // none: this machine's order
    CHECK(StringDeserializer("utf_16")(Vector{0xfe, 0xff}) == "");
    CHECK(serialize(StringSerializer("utf_16"), "") == Vector{0xff, 0xfe}); // as Python has it
}

TEST_CASE("long texts are converted whole") {
    std::string text;
    std::string expected;
    for (int i = 0; i < 100'000; ++i) {
        text += i % 3 ? "ü" : "x";
        expected += i % 3 ? '\xfc' : 'x';
    }
    CHECK(serialize(StringSerializer("latin_1"), text) == Vector(expected.begin(), expected.end()));
    CHECK(StringDeserializer("latin_1")(expected) == text);
    CHECK(serialize(StringSerializer("utf_32_le"), text)->size() == 400'000);
}

TEST_CASE("text that cannot be is refused on both ways") {
    const auto refused = [](const char* codec, std::string_view text) {
        return error_of([&] { serialize(StringSerializer(codec), text, orders_key); });
    };
    CHECK(refused("utf_8", "ab\xff").code() == Errc::_key_serialization);
    CHECK(refused("utf_8", "ab\xff").str() == "key of orders: a text of 3 bytes is not UTF-8");
    CHECK(refused("latin_1", "ab\xff").str() == "key of orders: a text of 3 bytes is not UTF-8");
    CHECK(refused("latin_1", "ab€").str() == "key of orders: the character at byte 2 of the text is not in latin_1");
    CHECK(refused("ascii", "ü").str() == "key of orders: the character at byte 0 of the text is not in ascii");
    CHECK(refused("utf_16_le", "a\xed\xa0\x80").code() == Errc::_key_serialization); // a surrogate

    const auto unreadable = [](const char* codec, const Vector& bytes) {
        return error_of([&] { StringDeserializer{codec}(bytes, orders_value); });
    };
    CHECK(unreadable("utf_8", {0xc3}).code() == Errc::_value_deserialization);
    CHECK(unreadable("utf_8", {0xc3}).str() == "value of orders: text in utf_8 expected, these 1 bytes are not");
    CHECK(unreadable("ascii", {'a', 0x80}).str() == "value of orders: text in ascii expected, these 2 bytes are not");
    CHECK(unreadable("utf_16_le", {'a', 0, 'b'}).code() == Errc::_value_deserialization); // half a character
    CHECK(StringDeserializer("utf_16_le")(Vector{'a', 0}) == "a");                        // and nothing is left of it
}

TEST_CASE("a codec that nobody knows is refused when it is named") {
    for (const char* name : {"utf_9", "", "latin_1//TRANSLIT", "no such codec"}) {
        INFO(name);
        try {
            const StringSerializer serializer(name);
            FAIL("an exception");
        } catch (const KafkaException& e) {
            CHECK(e.error().code() == Errc::_invalid_arg);
            CHECK(e.error().str() == "no text codec is called \"" + std::string(name) + "\"");
        }
        CHECK_THROWS_AS(StringDeserializer(name), KafkaException);
    }
}

TEST_CASE("threads may share a serializer") {
    const StringSerializer serializer("utf_16");
    const StringDeserializer deserializer("utf_16");
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            const std::string text = "thread " + std::to_string(i);
            for (int n = 0; n < 1000; ++n)
                wrong += deserializer(*serialize(serializer, text)) != text;
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("bytes pass as they are") {
    const Vector bytes{0, 0xff, 7};
    SerializerOutput out;
    BytesSerializer()(bytes, orders_key, out);
    CHECK(out.bytes().data() == bytes.data());
    BytesSerializer()(nullptr, orders_key, out);
    CHECK(out.bytes().is_null());
    CHECK(BytesDeserializer()(bytes)->data() == bytes.data());
}
