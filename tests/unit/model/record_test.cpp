#include "model/record.hpp"
#include "support/vectors.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir::model {
namespace {

TimePoint at(std::uint64_t millis) { return TimePoint(Millis(static_cast<std::int64_t>(millis))); }

RecordHeader header_of(const test::Case& vector, bool sealed) {
    RecordHeader header;
    header.sealed = sealed;
    header.key_id = static_cast<std::uint16_t>(vector.number("key_id"));
    header.generation = vector.number("generation");
    header.last_seen = at(vector.number("last_seen"));
    header.handle.bytes = vector.array<16>("handle");
    header.user.bytes = vector.array<16>("user_tag");
    header.created = at(vector.number("created"));
    header.authenticated = at(vector.number("authenticated"));
    header.idle_limit = Seconds(vector.number("idle_limit"));
    header.absolute_expiry = at(vector.number("absolute_expiry"));
    header.epoch = vector.number("epoch");
    header.clock = std::stoull(vector.text("clock"), nullptr, 16);
    header.operation = vector.array<16>("operation");
    return header;
}

// ids: S87 V27
TEST(RecordVectors, headers_are_written_and_read_alike) {
    for (const auto* list : {"sealed", "plain"}) {
        for (const auto& vector : test::vectors("record", list)) {
            SCOPED_TRACE(vector.text("name"));
            const auto header = header_of(vector, std::string(list) == "sealed");
            const std::string bytes = vector.bytes("record");
            EXPECT_EQ(test::to_hex(pack_header(header)),
                      test::to_hex(bytes.substr(0, offset::body)));
            const auto parsed = parse_header(bytes);
            ASSERT_TRUE(parsed.has_value());
            EXPECT_EQ(pack_header(*parsed), pack_header(header));
            EXPECT_EQ(parsed->sealed, header.sealed);
        }
    }
}

// ids: S13 V27
TEST(RecordVectors, notes_are_written_and_read_alike) {
    for (const auto& vector : test::vectors("record", "notes")) {
        Note note;
        note.kind = static_cast<std::uint8_t>(vector.number("kind"));
        note.until = at(vector.number("until"));
        EXPECT_EQ(test::to_hex(pack_note(note)), vector.text("note"));
        const auto parsed = parse_note(vector.bytes("note"));
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(parsed->kind, note.kind);
        EXPECT_EQ(parsed->until, note.until);
        EXPECT_FALSE(parse_header(vector.bytes("note"))) << "a note is no record";
    }
    for (const auto& vector : test::vectors("record", "refused_notes")) {
        EXPECT_FALSE(parse_note(vector.bytes("note"))) << vector.text("name");
    }
    const auto record = test::vectors("record", "sealed").front().bytes("record");
    EXPECT_FALSE(parse_note(record)) << "a record is no note";
}

// ids: V02 C22
TEST(RecordHeader, truncated_headers_are_refused) {
    const std::string bytes = test::vectors("record", "plain").front().bytes("record");
    for (std::size_t length = 0; length < offset::body; ++length) {
        EXPECT_FALSE(parse_header(bytes.substr(0, length))) << length;
    }
    EXPECT_TRUE(parse_header(bytes.substr(0, offset::body)));
}

// ids: V02 C25
TEST(RecordHeader, other_formats_flags_schemes_and_reserved_bytes_are_refused) {
    const std::string bytes = test::vectors("record", "sealed").front().bytes("record");
    const auto accepted_at = [&](std::size_t where) {
        int accepted = 0;
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = bytes;
            changed[where] = static_cast<char>(byte);
            accepted += parse_header(changed) ? 1 : 0;
        }
        return accepted;
    };
    EXPECT_EQ(accepted_at(offset::format), 1);
    EXPECT_EQ(accepted_at(offset::flags), 2) << "sealed and plain";
    EXPECT_EQ(accepted_at(offset::key_scheme), 1);
    for (std::size_t where = offset::reserved; where < offset::body; ++where) {
        EXPECT_EQ(accepted_at(where), 1) << where;
    }
}

// ids: C22
TEST(AdditionalData, covers_every_fixed_field_but_last_seen) {
    const std::string bytes = test::vectors("record", "sealed").front().bytes("record");
    const StoreKey key{0x2a, {}};
    const std::string data = additional_data(bytes, key);
    for (std::size_t where = 0; where < offset::body; ++where) {
        std::string changed = bytes;
        changed[where] = static_cast<char>(changed[where] ^ 1);
        const bool inside_last_seen = where >= offset::last_seen && where < offset::handle;
        EXPECT_EQ(additional_data(changed, key) == data, inside_last_seen) << where;
    }
    EXPECT_NE(additional_data(bytes, {0x2b, {}}), data);
    StoreKey other = key;
    other.digest[15] = 1;
    EXPECT_NE(additional_data(bytes, other), data);
}

// ids: N2
TEST(HybridClock, always_rises_whatever_the_wall_clock_does) {
    std::uint64_t clock = 0;
    for (const std::uint64_t wall : {1000, 1000, 1000, 5, 999, 1001, 0, 1001, 5000}) {
        const std::uint64_t next = next_clock(clock, at(wall));
        EXPECT_GT(next, clock);
        EXPECT_GE(next >> 16U, wall);
        clock = next;
    }
    EXPECT_EQ(clock, 5000ULL << 16U);
}

}  // namespace
}  // namespace vedfolnir::model
