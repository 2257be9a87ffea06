#include "config/keys.hpp"

#include "config/text.hpp"
#include "config/toml.hpp"
#include "crypto/key_ring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace vedfolnir::config {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t hex_digits_min = 64;

// Six letters or more: a random key holds one of these by chance about once in ten million.
constexpr std::array placeholders{
    std::string_view{"changeme"},    std::string_view{"change-me"}, std::string_view{"change_me"},
    std::string_view{"changeit"},    std::string_view{"password"},  std::string_view{"secret"},
    std::string_view{"placeholder"}, std::string_view{"example"},   std::string_view{"replace"},
    std::string_view{"insert"},      std::string_view{"generate"},  std::string_view{"yourkey"},
    std::string_view{"your-key"},    std::string_view{"your_key"},  std::string_view{"qwerty"},
    std::string_view{"letmein"},     std::string_view{"123456"},    std::string_view{"abcdef"},
    std::string_view{"default"},     std::string_view{"vedfolnir"}, std::string_view{"deadbeef"},
};

Error bad(std::string text) { return {Errc::bad_options, std::move(text)}; }

bool is_hex(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}

unsigned hex_value(char c) noexcept {
    if (c <= '9') return static_cast<unsigned>(c - '0');
    return static_cast<unsigned>((c | 0x20) - 'a') + 10;
}

std::string decode_hex(std::string_view text) {
    std::string raw;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        raw += static_cast<char>(hex_value(text[i]) * 16 + hex_value(text[i + 1]));
    }
    return raw;
}

std::optional<std::string> decode_base64(std::string_view text) {
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    std::string raw;
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
        if (c == '-') c = '+';
        if (c == '_') c = '/';
        const auto value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        raw += static_cast<char>(bits >> count & 0xff);
    }
    return raw;
}

bool holds_placeholder(std::string_view text) {
    const auto low = lower(text);
    return std::any_of(placeholders.begin(), placeholders.end(),
                       [&](std::string_view word) { return low.find(word) != std::string::npos; });
}

// The same bytes again and again.
bool is_periodic(std::string_view raw) noexcept {
    for (std::size_t period = 1; period <= raw.size() / 2; ++period) {
        if (raw.substr(period) == raw.substr(0, raw.size() - period)) return true;
    }
    return false;
}

// 00 01 02 … and its like: test vectors and examples.
bool is_progression(std::string_view raw) noexcept {
    if (raw.size() < 3) return false;
    const auto step = static_cast<unsigned char>(raw[1] - raw[0]);
    for (std::size_t i = 1; i < raw.size(); ++i) {
        if (static_cast<unsigned char>(raw[i] - raw[i - 1]) != step) return false;
    }
    return true;
}

using Reader = std::function<Result<std::string>(const std::string&)>;

// The text of `name` or of the file that `name_file` names; empty when neither is there.
Result<std::string> secret_text(const toml::table& table, std::string_view name,
                                const std::string& where, const Reader& read_file) {
    const auto file_name = std::string(name) + "_file";
    const auto value = table[name].value<std::string>();
    const auto path = table[file_name].value<std::string>();
    if (value && path)
        return bad(
            fmt::format("{}: {} and {} are both set; remove one of them", where, name, file_name));
    if (!path) return value.value_or("");
    auto text = read_file(*path);
    if (!text) return bad(fmt::format("{}: {}: {}", where, file_name, text.error().detail));
    return std::string(trimmed(*text));
}

Result<RingKey> ring_key(const toml::table& table, RingReport& report, const Reader& read_file) {
    const auto id = table["id"].value<std::int64_t>();
    if (!id || *id < 1 || *id > 65535) return bad("each of [[keys]] needs an id from 1 to 65535");
    const auto where = fmt::format("key {}", *id);
    auto text = secret_text(table, "secret", where, read_file);
    if (!text) return std::move(text).error();
    if (text->empty()) return bad(fmt::format("{} has neither secret nor secret_file", where));
    auto raw = decode_secret(*text);
    if (!raw) return bad(fmt::format("{}: {}", where, raw.error().detail));
    if (auto why = secret_weakness(*text, *raw))
        report.weaknesses.push_back(fmt::format("{}: {}", where, *why));
    return RingKey{static_cast<std::uint16_t>(*id), std::move(*raw)};
}

Result<void> read_ring(const toml::table& table, RingReport& report, const Reader& read_file) {
    const auto* entries = table["keys"].as_array();
    if (entries == nullptr || entries->empty()) return bad("the file holds no [[keys]]");
    std::set<std::uint16_t> ids;
    for (const auto& entry : *entries) {
        if (!entry.is_table()) return bad("each of [[keys]] is a table with id and secret");
        auto key = ring_key(*entry.as_table(), report, read_file);
        if (!key) return std::move(key).error();
        if (!ids.insert(key->id).second)
            return bad(fmt::format("key {} stands twice in the file", key->id));
        report.keys.keys.push_back(std::move(*key));
    }
    if (const auto write = table["write"].value<std::int64_t>()) {
        auto& keys = report.keys.keys;
        const auto chosen = std::find_if(keys.begin(), keys.end(),
                                         [&](const RingKey& key) { return key.id == *write; });
        if (chosen == keys.end())
            return bad(fmt::format("write names key {}, which is not in the file", *write));
        std::rotate(keys.begin(), chosen, chosen + 1);
    }
    auto index = secret_text(table, "index_secret", "index_secret", read_file);
    if (!index) return std::move(index).error();
    if (index->empty()) return {};
    auto raw = decode_secret(*index);
    if (!raw) return bad(fmt::format("index_secret: {}", raw.error().detail));
    if (auto why = secret_weakness(*index, *raw))
        report.weaknesses.push_back(fmt::format("index_secret: {}", *why));
    report.keys.index_secret = std::move(*raw);
    return {};
}

}  // namespace

Result<std::string> decode_secret(std::string_view text) {
    text = trimmed(text);
    if (text.size() >= hex_digits_min && text.size() % 2 == 0 && is_hex(text))
        return decode_hex(text);
    auto raw = decode_base64(text);
    if (!raw) {
        return bad(fmt::format("it is neither base64 nor 64 or more hexadecimal digits; {}",
                               make_key_hint));
    }
    return std::move(*raw);
}

std::string encode_secret(std::string_view raw) {
    std::string text;
    for (std::size_t i = 0; i < raw.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            bits = bits << 8 | (i + k < raw.size() ? static_cast<unsigned char>(raw[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            const bool there = k <= raw.size() - i;
            text += there ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
        }
    }
    return text;
}

std::optional<std::string> secret_weakness(std::string_view text, std::string_view raw) {
    if (holds_placeholder(text) || holds_placeholder(raw))
        return "it looks like a placeholder from an example";
    if (auto why = crypto::weakness(raw)) return why;
    if (is_progression(raw)) return "its bytes count up or down: this is not random";
    if (is_periodic(raw)) return "it repeats itself: this is not random";
    return std::nullopt;
}

Result<RingReport> parse_key_ring(std::string_view text, const Reader& read_file) {
    RingReport report;
    try {
        const auto table = parse_toml_table(text);
        if (auto done = read_ring(table, report, read_file); !done) return std::move(done).error();
    } catch (const toml::parse_error& error) {
        // The description of a parse error may quote the file, and the file holds secrets.
        return bad(fmt::format("line {}: this is not valid TOML", error.source().begin.line));
    }
    return report;
}

}  // namespace vedfolnir::config
