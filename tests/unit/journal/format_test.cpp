#include "journal/format.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir::journal {
namespace {

constexpr FileId id{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

std::string records(std::uint64_t count) {
    std::string bytes;
    for (std::uint64_t number = 1; number <= count; ++number)
        bytes += frame(id, {number, 1'800'000'000'000, "entry " + std::to_string(number)});
    return bytes;
}

// ids: R3
TEST(JournalFormat, header_carries_version_and_name) {
    EXPECT_EQ(file_header(id).size(), header_size);
    EXPECT_EQ(read_header(file_header(id)), id);
    std::string newer = file_header(id);
    newer[8] = 2;
    EXPECT_FALSE(read_header(newer));
    EXPECT_FALSE(read_header(file_header(id).substr(0, header_size - 1)));
}

// ids: R3
TEST(JournalFormat, bytes_are_those_of_the_document) {
    const std::string bytes = frame(id, {1, 1'800'000'000'000, "{}"});
    std::string hex;
    for (const char byte : bytes) {
        constexpr const char* digits = "0123456789abcdef";
        hex += digits[static_cast<std::uint8_t>(byte) >> 4U];
        hex += digits[static_cast<std::uint8_t>(byte) & 15U];
    }
    EXPECT_EQ(hex.substr(0, 8), "00000002");
    EXPECT_EQ(hex.substr(16), "0000000000000001000001a3185c5000"
                              "7b7d");
    EXPECT_EQ(bytes.size(), frame_size + 2);
}

// ids: R3 F17
TEST(JournalFormat, torn_at_each_byte_keeps_every_whole_record) {
    const std::string whole = records(3);
    const std::size_t first_two = records(2).size();
    for (std::size_t cut = first_two + 1; cut < whole.size(); ++cut) {
        const auto found = scan(id, std::string_view(whole).substr(0, cut), 1);
        EXPECT_EQ(found.records.size(), 2U) << cut;
        EXPECT_EQ(found.good, first_two) << cut;
        EXPECT_EQ(found.tail, Tail::torn) << cut;
    }
    EXPECT_EQ(scan(id, whole, 1).tail, Tail::clean);
}

// ids: R3 F17
TEST(JournalFormat, any_changed_byte_of_the_last_record_makes_it_torn) {
    const std::string whole = records(2);
    for (std::size_t at = records(1).size(); at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        const auto found = scan(id, changed, 1);
        EXPECT_EQ(found.records.size(), 1U) << at;
        EXPECT_EQ(found.tail, Tail::torn) << at;
    }
}

// ids: R3 F17
TEST(JournalFormat, any_changed_byte_in_the_middle_is_damage_at_its_offset) {
    const std::string whole = records(3);
    const std::size_t first = records(1).size();
    for (std::size_t at = first; at < records(2).size(); ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        const auto found = scan(id, changed, 1);
        EXPECT_EQ(found.records.size(), 1U) << at;
        EXPECT_EQ(found.good, first) << at;
        EXPECT_EQ(found.tail, Tail::damaged) << at;
    }
}

// ids: R3 F17
TEST(JournalFormat, zeros_behind_the_last_record_are_a_torn_tail) {
    const auto found = scan(id, records(2) + std::string(5000, '\0'), 1);
    EXPECT_EQ(found.records.size(), 2U);
    EXPECT_EQ(found.tail, Tail::torn);
}

// ids: R3
TEST(JournalFormat, record_of_another_file_or_out_of_its_place_does_not_count) {
    FileId other = id;
    other[0] = 99;
    EXPECT_EQ(scan(other, records(2), 1).records.size(), 0U);
    EXPECT_EQ(scan(id, records(2), 2).records.size(), 0U);
    const std::string second = records(2).substr(records(1).size());
    EXPECT_EQ(scan(id, second, 2).records.size(), 1U);
}

}  // namespace
}  // namespace vedfolnir::journal
