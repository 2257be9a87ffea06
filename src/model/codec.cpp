#include "model/codec.hpp"

#include "model/bytes.hpp"

#include <boost/version.hpp>

#include <algorithm>
#include <bit>
#include <exception>

static_assert(BOOST_VERSION >= 109000,
              "Boost 1.90 headers must come before the system's older ones");

namespace vedfolnir::model {
namespace {

/// Lets msgpack's packer write into a std::string.
struct StringSink {
    std::string& out;
    void write(const char* data, std::size_t length) { out.append(data, length); }
};

auto packer(std::string& out) { return StringSink{out}; }

template <class Pack>
void pack_with(std::string& out, Pack pack) {
    auto sink = packer(out);
    msgpack::packer<StringSink> writer(sink);
    pack(writer);
}

constexpr bool is_known(std::int8_t type) noexcept {
    return type >= static_cast<std::int8_t>(Ext::naive_datetime) &&
           type <= static_cast<std::int8_t>(Ext::frozenset);
}

/// Checks lengths, depth and extension types without building anything. Each element takes a byte at least, so the sum of all claimed
/// counts can never exceed the input's size: this bounds what the tree may allocate.
class Validator : public msgpack::null_visitor {
public:
    Validator(std::size_t budget, std::size_t depth_max) : budget_(budget), depth_max_(depth_max) {}

    bool start_array(std::uint32_t count) { return enter(count); }
    bool start_map(std::uint32_t count) { return enter(2ULL * count); }
    bool end_array() { return leave(); }
    bool end_map() { return leave(); }
    /// The first byte is the type. What a wrapped array holds is checked when it is read.
    bool visit_ext(const char* body, std::uint32_t size) {
        const auto type = size > 0 ? static_cast<std::int8_t>(*body) : std::int8_t{0};
        return is_known(type) || fail();
    }
    void parse_error(std::size_t, std::size_t) { failed_ = true; }
    void insufficient_bytes(std::size_t, std::size_t) { failed_ = true; }
    [[nodiscard]] bool failed() const noexcept { return failed_; }

private:
    bool enter(std::uint64_t elements) {
        if (elements > budget_ || depth_ >= depth_max_) return fail();
        budget_ -= static_cast<std::size_t>(elements);
        ++depth_;
        return true;
    }
    bool leave() {
        --depth_;
        return true;
    }
    bool fail() {
        failed_ = true;
        return false;
    }

    std::size_t budget_;
    std::size_t depth_max_;
    std::size_t depth_ = 0;
    bool failed_ = false;
};

std::optional<ContainerHead> read_head(std::string_view bytes, std::size_t offset, std::uint8_t fix,
                                       std::uint8_t head16, std::uint8_t head32) noexcept {
    if (offset >= bytes.size()) return std::nullopt;
    const auto first = static_cast<std::uint8_t>(bytes[offset]);
    if ((first & 0xf0U) == fix) return ContainerHead{first & 0x0fU, offset + 1};
    if (first == head16 && bytes.size() - offset >= 3) {
        return ContainerHead{get_be<std::uint16_t>(bytes, offset + 1), offset + 3};
    }
    if (first == head32 && bytes.size() - offset >= 5) {
        return ContainerHead{get_be<std::uint32_t>(bytes, offset + 1), offset + 5};
    }
    return std::nullopt;
}

std::string uuid_text(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
        const auto byte = static_cast<std::uint8_t>(bytes[i]);
        text.push_back(digits[byte >> 4U]);
        text.push_back(digits[byte & 0x0fU]);
    }
    return text;
}

Result<void> encode_into(Encoder& encoder, const Value& value);

struct ValueWriter {
    Encoder& encoder;

    Result<void> operator()(std::monostate) const { return encoder.nil(), Result<void>{}; }
    Result<void> operator()(bool value) const { return encoder.boolean(value), Result<void>{}; }
    Result<void> operator()(std::int64_t value) const {
        return encoder.integer(value), Result<void>{};
    }
    Result<void> operator()(std::uint64_t value) const {
        return encoder.unsigned_integer(value), Result<void>{};
    }
    Result<void> operator()(double value) const { return encoder.real(value), Result<void>{}; }
    Result<void> operator()(const std::string& value) const {
        return encoder.text(value), Result<void>{};
    }
    Result<void> operator()(const Bytes& value) const {
        return encoder.binary(value.data), Result<void>{};
    }
    Result<void> operator()(const Extension& value) const {
        encoder.extension(static_cast<Ext>(value.type), value.body);
        return {};
    }
    Result<void> operator()(const Array& value) const {
        if (!encoder.begin_array(static_cast<std::uint32_t>(value.items.size()))) return too_deep();
        for (const Value& item : value.items) {
            if (auto written = encode_into(encoder, item); !written) return written;
        }
        encoder.end();
        return {};
    }
    Result<void> operator()(const Map& value) const {
        if (!encoder.begin_map(static_cast<std::uint32_t>(value.entries.size()))) return too_deep();
        for (const auto& [key, item] : value.entries) {
            if (auto written = encode_into(encoder, key); !written) return written;
            if (auto written = encode_into(encoder, item); !written) return written;
        }
        encoder.end();
        return {};
    }
    static Result<void> too_deep() {
        return Error{Errc::bad_value, "A session value nests too deeply.", "nesting limit reached"};
    }
};

Result<void> encode_into(Encoder& encoder, const Value& value) {
    return std::visit(ValueWriter{encoder}, value.data);
}

Value to_value(const msgpack::object& object) {
    switch (object.type) {
    case msgpack::type::NIL:
        return {};
    case msgpack::type::BOOLEAN:
        return {object.via.boolean};
    case msgpack::type::POSITIVE_INTEGER:
        if (object.via.u64 <= INT64_MAX) return {static_cast<std::int64_t>(object.via.u64)};
        return {object.via.u64};
    case msgpack::type::NEGATIVE_INTEGER:
        return {object.via.i64};
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
        return {object.via.f64};
    case msgpack::type::STR:
        return {std::string(object.via.str.ptr, object.via.str.size)};
    case msgpack::type::BIN:
        return {Bytes{std::string(object.via.bin.ptr, object.via.bin.size)}};
    case msgpack::type::EXT:
        return {Extension{object.via.ext.type(),
                          std::string(object.via.ext.data(), object.via.ext.size)}};
    case msgpack::type::ARRAY: {
        Array array;
        for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
            array.items.push_back(to_value(object.via.array.ptr[i]));
        }
        return {std::move(array)};
    }
    case msgpack::type::MAP: {
        Map map;
        for (std::uint32_t i = 0; i < object.via.map.size; ++i) {
            const auto& entry = object.via.map.ptr[i];
            map.entries.emplace_back(to_value(entry.key), to_value(entry.val));
        }
        return {std::move(map)};
    }
    }
    return {};
}

}  // namespace

void Encoder::nil() {
    pack_with(out_, [](auto& writer) { writer.pack_nil(); });
}
void Encoder::boolean(bool value) {
    pack_with(out_, [&](auto& writer) { value ? writer.pack_true() : writer.pack_false(); });
}
void Encoder::integer(std::int64_t value) {
    pack_with(out_, [&](auto& writer) { writer.pack_int64(value); });
}
void Encoder::unsigned_integer(std::uint64_t value) {
    pack_with(out_, [&](auto& writer) { writer.pack_uint64(value); });
}
void Encoder::real(double value) {
    // Not msgpack's own: it writes a whole number as an integer, and 2.0 would come back as 2.
    out_.push_back('\xcb');
    append_be(out_, std::bit_cast<std::uint64_t>(value));
}
void Encoder::text(std::string_view utf8) {
    pack_with(out_, [&](auto& writer) {
        writer.pack_str(static_cast<std::uint32_t>(utf8.size()));
        writer.pack_str_body(utf8.data(), static_cast<std::uint32_t>(utf8.size()));
    });
}
void Encoder::binary(std::string_view bytes) {
    pack_with(out_, [&](auto& writer) {
        writer.pack_bin(static_cast<std::uint32_t>(bytes.size()));
        writer.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
    });
}

void Encoder::extension_header(Ext type, std::size_t length) {
    pack_with(out_, [&](auto& writer) { writer.pack_ext(length, static_cast<std::int8_t>(type)); });
}

void Encoder::extension(Ext type, std::string_view body) {
    extension_header(type, body.size());
    out_ += body;
}

void Encoder::big_integer(bool negative, std::span<const std::uint8_t> magnitude) {
    std::string body(1, negative ? '\1' : '\0');
    body.append(reinterpret_cast<const char*>(magnitude.data()), magnitude.size());
    extension(Ext::big_integer, body);
}

bool Encoder::open(std::optional<Ext> wrapper) {
    if (open_.size() >= depth_max_) return false;
    open_.push_back({wrapper, out_.size()});
    return true;
}

bool Encoder::begin_array(std::uint32_t count) {
    if (!open(std::nullopt)) return false;
    pack_with(out_, [&](auto& writer) { writer.pack_array(count); });
    return true;
}

bool Encoder::begin_map(std::uint32_t count) {
    if (!open(std::nullopt)) return false;
    pack_with(out_, [&](auto& writer) { writer.pack_map(count); });
    return true;
}

bool Encoder::begin_wrapped_array(Ext type, std::uint32_t count) {
    if (!open(type)) return false;
    pack_with(out_, [&](auto& writer) { writer.pack_array(count); });
    return true;
}

void Encoder::end() {
    const Open closed = open_.back();
    open_.pop_back();
    if (!closed.wrapper) return;
    // The body's length is known only now: put the extension's header before it.
    const std::string body = out_.substr(closed.start);
    out_.resize(closed.start);
    extension(*closed.wrapper, body);
}

void Encoder::encoded_set(Ext type, std::vector<std::string> elements) {
    std::ranges::sort(elements);
    std::string body;
    pack_with(body, [&](auto& writer) {
        writer.pack_array(static_cast<std::uint32_t>(elements.size()));
    });
    for (const std::string& element : elements) body += element;
    extension(type, body);
}

std::optional<Document> Document::parse(std::string_view bytes, std::size_t depth_max) {
    const auto length = value_length(bytes, 0, depth_max);
    if (!length || *length != bytes.size()) return std::nullopt;
    constexpr auto borrow = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    try {
        return Document(msgpack::unpack(bytes.data(), bytes.size(), borrow, nullptr));
    } catch (const std::exception&) {
        return std::
            nullopt;  // msgpack reports malformed input by exception; here it is an ordinary answer.
    }
}

std::optional<std::size_t> value_length(std::string_view bytes, std::size_t offset,
                                        std::size_t depth_max) {
    if (offset >= bytes.size()) return std::nullopt;
    // Most values are texts, and need no parser.
    if (const auto text = read_text_head(bytes, offset)) return text->body + text->count - offset;
    Validator validator(bytes.size() - offset, depth_max);
    std::size_t end = offset;
    const bool complete = msgpack::parse(bytes.data(), bytes.size(), end, validator);
    if (!complete || validator.failed()) return std::nullopt;
    return end - offset;
}

std::optional<ContainerHead> read_array_head(std::string_view bytes, std::size_t offset) noexcept {
    return read_head(bytes, offset, 0x90, 0xdc, 0xdd);
}

std::optional<ContainerHead> read_map_head(std::string_view bytes, std::size_t offset) noexcept {
    return read_head(bytes, offset, 0x80, 0xde, 0xdf);
}

std::optional<ContainerHead> read_text_head(std::string_view bytes, std::size_t offset) noexcept {
    if (offset >= bytes.size()) return std::nullopt;
    const auto first = static_cast<std::uint8_t>(bytes[offset]);
    const std::size_t left = bytes.size() - offset;
    ContainerHead head;
    if ((first & 0xe0U) == 0xa0U) {
        head = {first & 0x1fU, offset + 1};
    } else if (first == 0xd9 && left >= 2) {
        head = {static_cast<std::uint8_t>(bytes[offset + 1]), offset + 2};
    } else if (first == 0xda && left >= 3) {
        head = {get_be<std::uint16_t>(bytes, offset + 1), offset + 3};
    } else if (first == 0xdb && left >= 5) {
        head = {get_be<std::uint32_t>(bytes, offset + 1), offset + 5};
    } else {
        return std::nullopt;
    }
    if (head.count > bytes.size() - head.body) return std::nullopt;
    return head;
}

std::optional<std::vector<std::string_view>> split_array(std::string_view bytes,
                                                         std::size_t depth_max) {
    const auto document = Document::parse(bytes, depth_max);
    if (!document) return std::nullopt;
    if (document->root().type == msgpack::type::EXT) {
        const auto& ext = document->root().via.ext;
        if (ext.type() != static_cast<std::int8_t>(Ext::tuple) || depth_max == 0)
            return std::nullopt;
        return split_array(std::string_view(ext.data(), ext.size), depth_max - 1);
    }
    const auto head = read_array_head(bytes, 0);
    if (!head) return std::nullopt;
    std::vector<std::string_view> elements;
    std::size_t at = head->body;
    for (std::uint32_t i = 0; i < head->count; ++i) {
        const auto length = value_length(bytes, at, depth_max);
        if (!length) return std::nullopt;
        elements.push_back(bytes.substr(at, *length));
        at += *length;
    }
    return elements;
}

std::string join_array(const std::vector<std::string_view>& elements) {
    std::string out;
    pack_with(
        out, [&](auto& writer) { writer.pack_array(static_cast<std::uint32_t>(elements.size())); });
    for (const std::string_view element : elements) out += element;
    return out;
}

Result<std::optional<std::string>> identity_text(std::string_view bytes) {
    using Answer = std::optional<std::string>;
    const auto document = Document::parse(bytes, 1);
    const auto refused =
        Error{Errc::denied, "The session's user id must be text, an integer or a UUID.",
              "identity key holds a value of another type"};
    if (!document) return refused;
    const msgpack::object& object = document->root();
    switch (object.type) {
    case msgpack::type::NIL:
        return Answer{};
    case msgpack::type::POSITIVE_INTEGER:
        return Answer{std::to_string(object.via.u64)};
    case msgpack::type::NEGATIVE_INTEGER:
        return Answer{std::to_string(object.via.i64)};
    case msgpack::type::STR:
        if (object.via.str.size == 0) return Answer{};
        return Answer{std::string(object.via.str.ptr, object.via.str.size)};
    case msgpack::type::EXT:
        if (object.via.ext.type() == static_cast<std::int8_t>(Ext::uuid) &&
            object.via.ext.size == 16) {
            return Answer{uuid_text({object.via.ext.data(), 16})};
        }
        return refused;
    default:
        return refused;
    }
}

Result<std::string> encode_value(const Value& value, const SizeLimits& limits) {
    Encoder encoder(limits.depth_max);
    if (auto written = encode_into(encoder, value); !written) return written.error();
    return encoder.take();
}

Result<Value> decode_value(std::string_view bytes, const SizeLimits& limits) {
    const auto document = Document::parse(bytes, limits.depth_max);
    if (!document) return Error{Errc::internal, "a stored value is not well-formed"};
    return to_value(document->root());
}

std::string encode_text(std::string_view utf8) {
    Encoder encoder(1);
    encoder.text(utf8);
    return encoder.take();
}

}  // namespace vedfolnir::model
