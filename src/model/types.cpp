#include "vedfolnir/types.hpp"

#include "model/base64url.hpp"
#include "vedfolnir/error.hpp"
#include "vedfolnir/fallback.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/timings.hpp"

#include <stdexcept>

namespace vedfolnir {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_hex(std::string& text, std::uint8_t byte) {
    text.push_back(hex_digits[byte >> 4U]);
    text.push_back(hex_digits[byte & 0x0fU]);
}

std::optional<std::uint8_t> hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return static_cast<std::uint8_t>(digit - '0');
    if (digit >= 'a' && digit <= 'f') return static_cast<std::uint8_t>(digit - 'a' + 10);
    return std::nullopt;
}

std::optional<std::uint8_t> hex_byte(std::string_view two) noexcept {
    const auto high = hex_value(two[0]);
    const auto low = hex_value(two[1]);
    if (!high || !low) return std::nullopt;
    return static_cast<std::uint8_t>((*high << 4U) | *low);
}

template <std::size_t size>
std::string hex_text(const std::array<std::uint8_t, size>& bytes) {
    std::string text;
    text.reserve(2 * size);
    for (const std::uint8_t byte : bytes) append_hex(text, byte);
    return text;
}

template <std::size_t size>
bool read_hex(std::string_view text, std::array<std::uint8_t, size>& bytes) noexcept {
    if (text.size() != 2 * size) return false;
    for (std::size_t i = 0; i < size; ++i) {
        const auto byte = hex_byte(text.substr(2 * i, 2));
        if (!byte) return false;
        bytes[i] = *byte;
    }
    return true;
}

}  // namespace

std::string Handle::text() const { return hex_text(bytes); }

std::optional<Handle> Handle::parse(std::string_view text) noexcept {
    Handle handle;
    if (!read_hex(text, handle.bytes)) return std::nullopt;
    return handle;
}

std::string TraceId::text() const { return hex_text(bytes); }

std::optional<TraceId> TraceId::parse(std::string_view text) noexcept {
    TraceId trace;
    if (!read_hex(text, trace.bytes) || trace.none()) return std::nullopt;
    return trace;
}

/// version "-" trace-id "-" parent-id "-" flags. Version 00 ends there; a later one may go on after another "-".
std::optional<TraceId> TraceId::of_traceparent(std::string_view header) noexcept {
    constexpr std::size_t size = 55;
    if (header.size() < size) return std::nullopt;
    const std::string_view version = header.substr(0, 2);
    if (!hex_byte(version) || version == "ff") return std::nullopt;
    if (header.size() > size && (version == "00" || header[size] != '-')) return std::nullopt;
    if (header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
    std::array<std::uint8_t, 8> parent{};
    if (!read_hex(header.substr(36, 16), parent) || parent == std::array<std::uint8_t, 8>{})
        return std::nullopt;
    if (!hex_byte(header.substr(53, 2))) return std::nullopt;
    return parse(header.substr(3, 32));
}

std::string StoreKey::text() const {
    std::string text;
    text.reserve(25);
    append_hex(text, shard);
    text.push_back(':');
    text += model::base64url_encode(digest);
    return text;
}

std::optional<StoreKey> StoreKey::parse(std::string_view text) noexcept {
    if (text.size() != 25 || text[2] != ':') return std::nullopt;
    const auto shard = hex_byte(text.substr(0, 2));
    StoreKey key;
    if (!shard || !model::base64url_decode(text.substr(3), key.digest)) return std::nullopt;
    key.shard = *shard;
    return key;
}

std::string_view to_string(EndReason reason) noexcept {
    switch (reason) {
    case EndReason::logout:
        return "logout";
    case EndReason::ended_by_user:
        return "ended_by_user";
    case EndReason::ended_by_operator:
        return "ended_by_operator";
    case EndReason::replaced:
        return "replaced";
    case EndReason::expired:
        return "expired";
    case EndReason::evicted:
        return "evicted";
    case EndReason::security:
        return "security";
    }
    return "unknown";
}

std::string_view to_string(Ending ending) noexcept {
    switch (ending) {
    case Ending::ended:
        return "ended";
    case Ending::pending:
        return "pending";
    case Ending::absent:
        return "absent";
    }
    return "unknown";
}

std::string_view to_string(FallbackMode mode) noexcept {
    switch (mode) {
    case FallbackMode::automatic:
        return "auto";
    case FallbackMode::on:
        return "on";
    case FallbackMode::off:
        return "off";
    }
    return "unknown";
}

std::optional<FallbackMode> parse_fallback_mode(std::string_view text) noexcept {
    for (const auto mode : {FallbackMode::automatic, FallbackMode::on, FallbackMode::off}) {
        if (text == to_string(mode)) return mode;
    }
    return std::nullopt;
}

std::string_view describe(Errc code) noexcept {
    switch (code) {
    case Errc::store_unavailable:
        return "The session store is not available at the moment.";
    case Errc::deadline_exceeded:
        return "The session store did not answer in time.";
    case Errc::audit_unavailable:
        return "The session database is not available at the moment.";
    case Errc::bad_options:
        return "The session configuration is not valid.";
    case Errc::bad_value:
        return "A session value cannot be stored.";
    case Errc::too_large:
        return "The session is too large.";
    case Errc::read_only:
        return "The session can no longer be changed in this request.";
    case Errc::conflict:
        return "The session was changed at the same time by other requests.";
    case Errc::denied:
        return "This session operation is not allowed.";
    case Errc::random_unavailable:
        return "No random numbers are available; nothing was created.";
    case Errc::key_unavailable:
        return "No usable session key is configured.";
    case Errc::not_installed:
        return "The session function library is not installed in Redis.";
    case Errc::unsupported:
        return "This feature is not available.";
    case Errc::internal:
        return "An internal error occurred.";
    }
    return "An unknown error occurred.";
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(error.public_message + " " + error.detail), where);
}

std::string_view to_string(Operation operation) noexcept {
    switch (operation) {
    case Operation::load:
        return "load";
    case Operation::create:
        return "create";
    case Operation::save:
        return "save";
    case Operation::touch:
        return "touch";
    case Operation::login:
        return "login";
    case Operation::end:
        return "end";
    case Operation::commit_failed:
        return "commit_failed";
    case Operation::fallback_read:
        return "fallback_read";
    case Operation::fallback_write:
        return "fallback_write";
    }
    return "unknown";
}

}  // namespace vedfolnir
