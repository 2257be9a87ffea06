#include "model/human.hpp"

#include "model/base64url.hpp"
#include "model/bytes.hpp"
#include "model/codec.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>

namespace vedfolnir::model {
namespace {

namespace json = boost::json;

constexpr std::string_view masked = "********";
constexpr std::size_t shown_depth_max = 64;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
}

json::value text_value(std::string_view text) { return json::value(json::string(text)); }

json::object tagged(std::string_view tag, json::value value) {
    json::object object;
    object.emplace(tag, std::move(value));
    return object;
}

json::object tagged(std::string_view tag, std::string_view text) {
    return tagged(tag, text_value(text));
}

std::string iso_micros(std::int64_t micros) {
    using namespace std::chrono;
    const sys_time<microseconds> time{microseconds(micros)};
    return fmt::format("{:%FT%T}", time);
}

json::value render(const msgpack::object& object, bool mask, std::size_t depth);

json::value render_extension(std::int8_t type, std::string_view body, bool mask,
                             std::size_t depth) {
    const auto nested = [&](std::string_view tag) -> json::value {
        const auto document = Document::parse(body, shown_depth_max);
        if (!document || depth == 0) return tagged("unreadable", hex(body));
        return tagged(tag, render(document->root(), mask, depth - 1));
    };
    switch (static_cast<Ext>(type)) {
    case Ext::naive_datetime:
        if (body.size() >= 8) return tagged(" d", iso_micros(get_be<std::int64_t>(body, 0)));
        break;
    case Ext::aware_datetime:
        if (body.size() >= 12) return tagged(" d", iso_micros(get_be<std::int64_t>(body, 0)) + "Z");
        break;
    case Ext::date:
        if (body.size() == 4) {
            const std::chrono::sys_days day{std::chrono::days(get_be<std::int32_t>(body, 0))};
            return tagged(" date", fmt::format("{:%F}", day));
        }
        break;
    case Ext::uuid:
        return tagged(" u", hex(body));
    case Ext::decimal:
        return tagged(" decimal", body);
    case Ext::tuple:
        return nested(" t");
    case Ext::set:
        return nested(" set");
    case Ext::frozenset:
        return nested(" frozenset");
    case Ext::markup:
        return tagged(" m", body);
    case Ext::big_integer:
        return tagged(" int", (body.starts_with('\1') ? "-0x" : "0x") + hex(body.substr(1)));
    case Ext::time:
        return tagged(" time", hex(body));
    case Ext::timedelta:
        return tagged(" timedelta", hex(body));
    }
    return tagged(fmt::format(" ext{}", type), hex(body));
}

std::string key_text(const msgpack::object& key) {
    if (key.type == msgpack::type::STR) return {key.via.str.ptr, key.via.str.size};
    return json::serialize(render(key, false, 1));
}

json::value render_map(const msgpack::object& object, bool mask, std::size_t depth) {
    json::object out;
    for (std::uint32_t i = 0; i < object.via.map.size; ++i) {
        const auto& entry = object.via.map.ptr[i];
        const std::string key = key_text(entry.key);
        out[key] =
            mask && is_secret_key(key) ? json::value(masked) : render(entry.val, mask, depth - 1);
    }
    return out;
}

json::value render(const msgpack::object& object, bool mask, std::size_t depth) {
    if (depth == 0) return text_value("...");
    switch (object.type) {
    case msgpack::type::NIL:
        return nullptr;
    case msgpack::type::BOOLEAN:
        return object.via.boolean;
    case msgpack::type::POSITIVE_INTEGER:
        return object.via.u64;
    case msgpack::type::NEGATIVE_INTEGER:
        return object.via.i64;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
        return object.via.f64;
    case msgpack::type::STR:
        return text_value({object.via.str.ptr, object.via.str.size});
    case msgpack::type::BIN: {
        const std::string_view bytes(object.via.bin.ptr, object.via.bin.size);
        return tagged(" b", base64url_encode(as_bytes(bytes)));
    }
    case msgpack::type::EXT:
        return render_extension(object.via.ext.type(), {object.via.ext.data(), object.via.ext.size},
                                mask, depth);
    case msgpack::type::ARRAY: {
        json::array out;
        for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
            out.push_back(render(object.via.array.ptr[i], mask, depth - 1));
        }
        return out;
    }
    case msgpack::type::MAP:
        return render_map(object, mask, depth);
    }
    return nullptr;
}

}  // namespace

bool is_secret_key(std::string_view key) {
    constexpr std::array<std::string_view, 8> words{"csrf",   "token", "secret",     "password",
                                                    "passwd", "_id",   "credential", "nonce"};
    const std::string name = lower(key);
    // Flask-Login's `_id` fingerprints the browser; `user_id` and the like are what an operator looks for.
    if (name.ends_with("user_id") || name.ends_with("platform_id") ||
        name.ends_with("connection_id"))
        return false;
    return std::ranges::any_of(words, [&](std::string_view word) {
        return word == "_id" ? name == word : name.find(word) != std::string::npos;
    });
}

std::string to_json(const Entries& entries, const SizeLimits& limits, bool mask) {
    json::object out;
    for (const auto& [key, bytes] : entries) {
        const auto document = Document::parse(bytes, limits.depth_max);
        if (mask && is_secret_key(key)) {
            out[key] = masked;
        } else {
            out[key] = document ? render(document->root(), mask, shown_depth_max)
                                : json::value("unreadable");
        }
    }
    return json::serialize(out);
}

}  // namespace vedfolnir::model
