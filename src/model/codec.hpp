// Values as MessagePack with extension types (docs/internals/payload.md). The only encoder and decoder of payloads.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/value.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Before any msgpack header: its own Boost dependency would pull the system's older Boost in.
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>

namespace vedfolnir::model {

/// Extension type numbers. Never reused; an unknown one makes a value unreadable.
enum class Ext : std::int8_t {
    naive_datetime = 1,  ///< i64 microseconds of the wall clock since 1970 [, fold u8]
    aware_datetime = 2,  ///< i64 microseconds UTC, i32 offset seconds [, IANA zone name]
    date = 3,            ///< i32 days since 1970-01-01
    uuid = 4,            ///< 16 bytes
    decimal = 5,         ///< ASCII
    tuple = 6,           ///< one MessagePack array
    set = 7,             ///< one MessagePack array, elements sorted by their bytes
    markup = 8,          ///< UTF-8
    big_integer = 9,     ///< sign byte (0 or 1), then magnitude
    time = 10,           ///< i64 microseconds of the day, fold u8 [, i32 offset seconds]
    timedelta = 11,      ///< i32 days, i32 seconds, i32 microseconds
    frozenset = 12       ///< as set
};

/// Writes one value. Containers are announced by their length, like MessagePack itself.
/// Depth is bounded: `begin_*` answers false where the limit is reached, and the caller reports the key path.
class Encoder {
public:
    explicit Encoder(std::size_t depth_max) : depth_max_(depth_max) {}

    void nil();
    void boolean(bool value);
    void integer(std::int64_t value);
    void unsigned_integer(std::uint64_t value);
    /// Magnitude without leading zero bytes.
    void big_integer(bool negative, std::span<const std::uint8_t> magnitude);
    void real(double value);
    void text(std::string_view utf8);
    void binary(std::string_view bytes);
    void extension(Ext type, std::string_view body);

    [[nodiscard]] bool begin_array(std::uint32_t count);
    [[nodiscard]] bool begin_map(std::uint32_t count);
    /// An extension whose body is the array that follows.
    [[nodiscard]] bool begin_wrapped_array(Ext type, std::uint32_t count);
    /// Closes the innermost `begin_*`.
    void end();
    /// Elements already encoded one by one; written in the order of their bytes, so equal sets have equal bytes.
    void encoded_set(Ext type, std::vector<std::string> elements);

    /// Nesting left for an element encoded by another Encoder (sets).
    [[nodiscard]] std::size_t depth_left() const noexcept { return depth_max_ - open_.size(); }
    [[nodiscard]] std::string take() { return std::move(out_); }
    [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }

private:
    struct Open {
        std::optional<Ext> wrapper;
        std::size_t start = 0;
    };
    [[nodiscard]] bool open(std::optional<Ext> wrapper);
    void extension_header(Ext type, std::size_t length);

    std::size_t depth_max_;
    std::vector<Open> open_;
    std::string out_;
};

/// One decoded value as a tree that borrows from `bytes`: keep the bytes alive as long as the document.
class Document {
public:
    /// Empty unless `bytes` is exactly one well-formed value within `depth_max`. Claimed lengths never allocate more
    /// than a small multiple of `bytes`.
    [[nodiscard]] static std::optional<Document> parse(std::string_view bytes,
                                                       std::size_t depth_max);

    [[nodiscard]] const msgpack::object& root() const noexcept { return handle_.get(); }

private:
    explicit Document(msgpack::object_handle handle) : handle_(std::move(handle)) {}
    msgpack::object_handle handle_;
};

/// Length in bytes of the value that starts at `offset`; empty if there is none, or it nests deeper than `depth_max`.
[[nodiscard]] std::optional<std::size_t> value_length(std::string_view bytes, std::size_t offset,
                                                      std::size_t depth_max);

struct ContainerHead {
    std::uint32_t count = 0;
    std::size_t body = 0;  ///< Offset of the first element, or byte.
};
[[nodiscard]] std::optional<ContainerHead> read_array_head(std::string_view bytes,
                                                           std::size_t offset) noexcept;
[[nodiscard]] std::optional<ContainerHead> read_map_head(std::string_view bytes,
                                                         std::size_t offset) noexcept;

/// A string's length and where its bytes begin; empty if there is no string at `offset`, or not all of it.
[[nodiscard]] std::optional<ContainerHead> read_text_head(std::string_view bytes,
                                                          std::size_t offset) noexcept;

/// The encoded elements of an array (plain or tuple); empty if `bytes` is no array.
[[nodiscard]] std::optional<std::vector<std::string_view>> split_array(std::string_view bytes,
                                                                       std::size_t depth_max);
/// The inverse of `split_array` for a plain array.
[[nodiscard]] std::string join_array(const std::vector<std::string_view>& elements);

/// Text of a value that can be an identity: a string, an integer, or a UUID. Empty optional for nil; an Error for others.
[[nodiscard]] Result<std::optional<std::string>> identity_text(std::string_view bytes);

[[nodiscard]] Result<std::string> encode_value(const Value& value, const SizeLimits& limits);
[[nodiscard]] Result<Value> decode_value(std::string_view bytes, const SizeLimits& limits);
[[nodiscard]] std::string encode_text(std::string_view utf8);

}  // namespace vedfolnir::model
