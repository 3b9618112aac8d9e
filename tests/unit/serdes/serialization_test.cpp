// The parts that all serializers share: outputs, headers, errors, and what may be a serializer.
#include <ottla/serdes/serialization.hpp>

#include <ottla/serdes/serializers.hpp>
#include <ottla/serdes/serializing_producer.hpp>

#include "allocation_count.hpp"
#include "catch.hpp"

using namespace ottla;
using ottla::test::allocation_count;

namespace {

struct Order {
    int id = 0;
};

struct Shape { // serializers of a whole family, as of Protobuf's messages
    virtual ~Shape() = default;
    virtual int corners() const = 0;
};

struct Square : Shape {
    int corners() const override { return 4; }
};

template <class T>
const T* taken(const OrNull<T>& value) {
    return value.get();
}

} // namespace

static_assert(serializer_for<IntegerSerializer, int32_t>);
static_assert(serializer_for<StringSerializer, std::string>);
static_assert(serializer_for<StringSerializer, std::string_view>);
static_assert(serializer_for<BytesSerializer, std::string>);
static_assert(!serializer_for<IntegerSerializer, Order>);
static_assert(serializer_for<void (*)(const Order&, const SerializationContext&, SerializerOutput&), Order>);
static_assert(serializer_for<Error (*)(const Order&, const SerializationContext&, SerializerOutput&), Order>);
static_assert(!serializer_for<std::string (*)(const Order&, const SerializationContext&, SerializerOutput&), Order>);
static_assert(std::default_initializable<Serializer<std::string>>);
static_assert(std::default_initializable<Serializer<Bytes>>);
static_assert(!std::default_initializable<Serializer<Order>>);
static_assert(deserializer_for<IntegerDeserializer, int32_t>);
static_assert(deserializer_for<StringDeserializer, std::string>);
static_assert(deserializer_for<BytesDeserializer, Bytes>);
static_assert(!deserializer_for<StringDeserializer, Order>);

TEST_CASE("an output grows, refers, or is null, whichever was asked last") {
    SerializerOutput out;
    CHECK(!out.bytes().is_null());
    CHECK(out.bytes().size() == 0);
    out.push_back(1);
    out.append("ab");
    CHECK(out.bytes() == Bytes("\x01"
                               "ab"));
    out.set_null();
    CHECK(out.bytes().is_null());
    out.append("c"); // what lay below the null is gone
    CHECK(out.bytes() == Bytes("c"));
    const std::string text = "text";
    out.refer(text);
    CHECK(out.bytes().data() == reinterpret_cast<const uint8_t*>(text.data()));
    out.append("");
    CHECK(out.bytes() == Bytes(""));
    out.append("x");
    out.clear();
    CHECK(out.bytes() == Bytes(""));
}

TEST_CASE("headers are copied or referred to, and keep their order and repeats") {
    HeaderList headers;
    const std::string trace = "4711";
    headers.refer({.key = "trace", .value = trace});
    for (int i = 0; i < 20; ++i)
        headers.add("n" + std::to_string(i % 10), std::to_string(i));
    headers.add("null", nullptr);
    REQUIRE(headers.size() == 22);
    CHECK(headers.view()[0].value.data() == reinterpret_cast<const uint8_t*>(trace.data()));
    for (size_t i = 0; i < 20; ++i) {
        CHECK(headers.view()[i + 1].key == "n" + std::to_string(i % 10));
        CHECK(headers.view()[i + 1].value == Bytes(std::to_string(i)));
    }
    CHECK(headers.view()[21].value.is_null());
    REQUIRE(headers.find("n3"));
    CHECK(headers.find("n3")->value == Bytes("13")); // the last of them
    CHECK(!headers.find("n10"));
    headers.clear();
    CHECK(headers.empty());
}

TEST_CASE("a list of headers and an output take no memory when they are used again") {
    HeaderList headers;
    SerializerOutput out;
    const std::string value(100, 'x');
    const auto use = [&] {
        for (int i = 0; i < 5; ++i)
            headers.add("a header with a long name", value);
        out.append(value);
        headers.clear();
        out.clear();
    };
    use();
    const int64_t before = allocation_count();
    use();
    CHECK(allocation_count() == before);
}

TEST_CASE("a serializer may be a function, a lambda with a state, or an object, and may return an error") {
    SerializerOutput out;
    const SerializationContext context{.topic = "t", .field = MessageField::value};
    const Order order{7};

    int calls = 0;
    Serializer<Order> by_lambda([&calls, n = 0](const Order& o, const SerializationContext&, SerializerOutput& to) mutable {
        calls = ++n;
        IntegerSerializer()(o.id, {}, to);
    });
    CHECK(!by_lambda(&order, context, out));
    CHECK(out.bytes() == Bytes(std::vector<uint8_t>{0, 0, 0, 7}));
    out.clear();
    CHECK(!by_lambda(&order, context, out));
    CHECK(calls == 2);

    out.clear();
    CHECK(!by_lambda(nullptr, context, out)); // null in, null out, without a call
    CHECK(out.bytes().is_null());
    CHECK(calls == 2);

    Serializer<Order> refusing([](const Order&, const SerializationContext& c, SerializerOutput&) {
        return Error(Errc::_timed_out, "no registry for " + std::string(c.topic));
    });
    CHECK(refusing(&order, context, out).message() == "no registry for t");
}

TEST_CASE("a parameter is a value, something that becomes one, or null") {
    const std::string text = "text";
    CHECK(taken<std::string>(text) == &text);
    CHECK(*OrNull<std::string>("literal").get() == "literal");
    CHECK(*OrNull<std::string_view>(text).get() == "text");
    CHECK(*OrNull<int64_t>(5).get() == 5);
    CHECK(*OrNull<Bytes>("bytes").get() == Bytes("bytes"));
    CHECK(!OrNull<std::string>(nullptr).get());
    CHECK(!OrNull<std::string_view>(nullptr).get());
    CHECK(!OrNull<int32_t>(std::nullopt).get());
    const std::optional<int32_t> some = 3;
    const std::optional<int32_t> none;
    CHECK(OrNull<int32_t>(some).get() == &*some);
    CHECK(!OrNull<int32_t>(none).get());
    const Square square;
    CHECK(taken<Shape>(square) == &square);
    CHECK(!OrNull<Shape>(nullptr).get());
}

TEST_CASE("errors of serialization are both errors of produce and of serialization") {
    const auto kinds = [](const auto& error) {
        std::string found;
        try {
            throw error;
        } catch (const SerializationError& e) {
            found += "S";
        }
        try {
            throw error;
        } catch (const ProduceError& e) {
            found += "P" + e.name();
        }
        try {
            throw error;
        } catch (const KafkaException& e) {
            found += std::string("K") + e.what();
        }
        return found;
    };
    const KeySerializationError key(Error(Errc::_key_serialization, "why"));
    CHECK(kinds(key) == "SP_KEY_SERIALIZATIONK_KEY_SERIALIZATION: why");
    CHECK(key.code() == Errc::_key_serialization);
    CHECK(!key.cause());
    const ValueSerializationError value(
        Error(Errc::_value_serialization, "why"), std::make_exception_ptr(std::invalid_argument("this")));
    CHECK(kinds(value) == "SP_VALUE_SERIALIZATIONK_VALUE_SERIALIZATION: why");
    CHECK_THROWS_AS(std::rethrow_exception(value.cause()), std::invalid_argument);
}
