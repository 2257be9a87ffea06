#include "model/payload.hpp"

#include "model/codec.hpp"

#include <arpa/inet.h>
#include <array>
#include <utility>

namespace vedfolnir::model {
namespace {

constexpr std::uint8_t payload_version = 1;
constexpr std::string_view user_field = "u";
constexpr std::string_view device_field = "d";
constexpr std::string_view place_field = "p";

/// Version, manager map, application map, and what these nest.
constexpr std::size_t manager_depth = 2;

void put_field(std::string& out, std::uint32_t& count, std::string_view name,
               const std::string& value) {
    if (value.empty()) return;
    out += encode_text(name);
    out += encode_text(value);
    ++count;
}

constexpr std::array families{std::pair(AF_INET, 4UL), std::pair(AF_INET6, 16UL)};

/// The bytes of an address written as the system writes it; empty for any other text.
std::string packed_address(const std::string& text) {
    for (const auto& [family, size] : families) {
        std::string bytes(size, '\0');
        std::array<char, INET6_ADDRSTRLEN> spelled{};
        if (inet_pton(family, text.c_str(), bytes.data()) == 1 &&
            inet_ntop(family, bytes.data(), spelled.data(), spelled.size()) != nullptr &&
            text == spelled.data()) {
            return bytes;
        }
    }
    return {};
}

std::optional<std::string> address_text(std::string_view bytes) {
    for (const auto& [family, size] : families) {
        std::array<char, INET6_ADDRSTRLEN> spelled{};
        if (bytes.size() == size &&
            inet_ntop(family, bytes.data(), spelled.data(), spelled.size()) != nullptr)
            return std::string(spelled.data());
    }
    return std::nullopt;
}

/// An address takes 4 or 16 bytes instead of up to 39.
void put_place(std::string& out, std::uint32_t& count, const std::string& place) {
    const std::string packed = packed_address(place);
    if (packed.empty()) return put_field(out, count, place_field, place);
    Encoder encoder(1);
    encoder.binary(packed);
    out += encode_text(place_field);
    out += encoder.take();
    ++count;
}

void append_map_head(std::string& out, std::uint32_t count) {
    Encoder head(1);
    (void)head.begin_map(count);  // depth 1 always admits one container
    out += head.take();
}

/// The string at `at`, which moves behind it.
std::optional<std::string> read_text(std::string_view bytes, std::size_t& at) {
    const auto head = read_text_head(bytes, at);
    if (!head) return std::nullopt;
    at = head->body + head->count;
    return std::string(bytes.substr(head->body, head->count));
}

/// A text, or the bytes of an address.
std::optional<std::string> read_place(std::string_view bytes, std::size_t& at) {
    const auto length = value_length(bytes, at, 1);
    if (!length) return std::nullopt;
    const auto document = Document::parse(bytes.substr(at, *length), 1);
    if (!document || document->root().type != msgpack::type::BIN) return read_text(bytes, at);
    at += *length;
    const auto& packed = document->root().via.bin;
    return address_text({packed.ptr, packed.size});
}

bool read_manager(std::string_view bytes, std::size_t& at, ManagerFields& fields) {
    const auto head = read_map_head(bytes, at);
    if (!head) return false;
    at = head->body;
    for (std::uint32_t i = 0; i < head->count; ++i) {
        const auto name = read_text(bytes, at);
        if (!name) return false;
        const auto length = value_length(bytes, at, manager_depth);
        if (!length) return false;
        // Fields of later versions are skipped: they add, they never change the meaning of these.
        std::string* target = *name == user_field     ? &fields.user_id
                              : *name == device_field ? &fields.device
                              : *name == place_field  ? &fields.place
                                                      : nullptr;
        if (target == nullptr) {
            at += *length;
            continue;
        }
        auto value = target == &fields.place ? read_place(bytes, at) : read_text(bytes, at);
        if (!value) return false;
        *target = std::move(*value);
    }
    return true;
}

bool read_entries(std::string_view bytes, std::size_t& at, Entries& entries,
                  const SizeLimits& limits) {
    const auto head = read_map_head(bytes, at);
    if (!head || head->count > limits.keys_max) return false;
    at = head->body;
    for (std::uint32_t i = 0; i < head->count; ++i) {
        auto key = read_text(bytes, at);
        if (!key) return false;
        const auto length = value_length(bytes, at, limits.depth_max);
        if (!length) return false;
        const bool fresh = entries.emplace(std::move(*key), bytes.substr(at, *length)).second;
        if (!fresh) return false;
        at += *length;
    }
    return true;
}

/// What the usual allocators take for `size` bytes: a word more, in steps of two words.
constexpr std::size_t block(std::size_t size) noexcept {
    constexpr std::size_t step = 2 * sizeof(void*);
    return (size + sizeof(void*) + step - 1) / step * step;
}

std::size_t heap_bytes(const std::string& text) noexcept {
    static const std::size_t inside = std::string().capacity();
    return text.capacity() > inside ? block(text.capacity() + 1) : 0;
}

}  // namespace

std::size_t heap_bytes(const Entries& entries) noexcept {
    // A node of a balanced tree: its colour, parent and children, and the pair.
    constexpr std::size_t node = block(4 * sizeof(void*) + sizeof(Entries::value_type));
    std::size_t bytes = 0;
    for (const auto& [key, value] : entries) bytes += node + heap_bytes(key) + heap_bytes(value);
    return bytes;
}

std::string encode_payload(const ManagerFields& manager, const Entries& entries) {
    std::string fields;
    std::uint32_t field_count = 0;
    put_field(fields, field_count, user_field, manager.user_id);
    put_field(fields, field_count, device_field, manager.device);
    put_place(fields, field_count, manager.place);

    std::string out;
    out.push_back(static_cast<char>(0x93));  // MessagePack: array of 3
    out.push_back(static_cast<char>(payload_version));
    append_map_head(out, field_count);
    out += fields;
    append_map_head(out, static_cast<std::uint32_t>(entries.size()));
    for (const auto& [key, value] : entries) {
        out += encode_text(key);
        out += value;
    }
    return out;
}

std::optional<Payload> decode_payload(std::string_view bytes, const SizeLimits& limits) {
    const auto head = read_array_head(bytes, 0);
    if (!head || head->count != 3 || head->body >= bytes.size()) return std::nullopt;
    if (static_cast<std::uint8_t>(bytes[head->body]) != payload_version) return std::nullopt;
    std::size_t at = head->body + 1;
    Payload payload;
    if (!read_manager(bytes, at, payload.manager)) return std::nullopt;
    if (!read_entries(bytes, at, payload.entries, limits)) return std::nullopt;
    if (at != bytes.size()) return std::nullopt;
    return payload;
}

Result<void> check_size(const Entries& entries, std::size_t encoded_size,
                        const SizeLimits& limits) {
    if (entries.size() > limits.keys_max) {
        return Error{Errc::too_large,
                     "The session has " + std::to_string(entries.size()) + " keys; at most " +
                         std::to_string(limits.keys_max) + " are allowed.",
                     "limits.keys_max"};
    }
    if (encoded_size > limits.payload_max) {
        return Error{Errc::too_large,
                     "The session would take " + std::to_string(encoded_size) + " bytes; at most " +
                         std::to_string(limits.payload_max) + " are allowed.",
                     "limits.payload_max"};
    }
    return {};
}

}  // namespace vedfolnir::model
