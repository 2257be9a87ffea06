#include "model/client_kind.hpp"
#include "model/statistics.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace vedfolnir::model {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint thursday{Millis{1'767'225'600'000}};  // 1 January 2026
constexpr std::chrono::days day{1};

Lengths lengths_of(std::initializer_list<Millis> all) {
    Lengths lengths;
    for (const Millis length : all) lengths.add(length_class_of(length), 1, length);
    return lengths;
}

// ids: S52
TEST(statistics, class_begins_at_the_end_of_the_one_before) {
    EXPECT_EQ(length_class_of(0ms), 0U);
    for (std::size_t i = 0; i < length_class_ends.size(); ++i) {
        EXPECT_EQ(length_class_of(length_class_ends[i] - 1ms), i);
        EXPECT_EQ(length_class_of(length_class_ends[i]), i + 1);
    }
}

// ids: S52
TEST(statistics, mean_is_exact_and_percentiles_lie_in_their_class) {
    EXPECT_FALSE(Lengths{}.mean());
    EXPECT_FALSE(Lengths{}.percentile(50));
    // Between one and five minutes four, between eight hours and a day one.
    const auto lengths = lengths_of({2min, 2min, 3min, 4min, 10h});
    EXPECT_EQ(lengths.count(), 5U);
    EXPECT_EQ(lengths.mean(), Millis(611min) / 5);
    EXPECT_EQ(lengths.percentile(0), Millis(1min));
    EXPECT_EQ(lengths.percentile(40), Millis(3min));
    EXPECT_EQ(lengths.percentile(80), Millis(5min));
    EXPECT_EQ(lengths_of({800h, 2000h}).percentile(50), Millis(720h))
        << "nobody knows how much more";
}

// ids: S52
TEST(statistics, percentiles_fit_the_total) {
    const auto lengths = lengths_of({2min, 2min, 3min, 4min, 10h});
    EXPECT_EQ(lengths.percentile(90), Millis(607min)) << "the other four lasted a minute at least";
    EXPECT_EQ(lengths.percentile(100), Millis(607min));
    const auto alike = lengths_of({56s, 56s, 56s});
    EXPECT_EQ(alike.percentile(50), Millis(54s)) << "the third lasted less than a minute";
    EXPECT_EQ(alike.percentile(90), Millis(56s));
    EXPECT_EQ(lengths_of({1s, 1s, 1s, 1s}).percentile(50), Millis(1333ms));
    EXPECT_EQ(lengths_of({0ms, 0ms}).percentile(90), Millis(0ms));
    for (const Millis one : {Millis{0}, Millis(7s), Millis(90min), Millis(2000h)}) {
        EXPECT_EQ(lengths_of({one}).percentile(50), one);
        EXPECT_EQ(lengths_of({one}).percentile(90), one);
    }
}

// ids: S52
TEST(statistics, percentiles_stay_in_their_class_whatever_the_total) {
    Lengths wrong = lengths_of({2min, 3min, 20min});
    for (const Millis total : {Millis{0}, Millis(-5h), Millis(9000h)}) {
        wrong.total = total;
        EXPECT_GE(wrong.percentile(50), Millis(1min));
        EXPECT_LE(wrong.percentile(50), Millis(5min));
    }
}

// ids: S52
TEST(statistics, days_and_weeks_begin_at_midnight_and_on_monday) {
    EXPECT_EQ(day_of(thursday), thursday);
    EXPECT_EQ(day_of(thursday + 24h - 1ms), thursday);
    EXPECT_EQ(week_of(thursday + 3 * day + 23h), thursday - 3 * day);
    EXPECT_EQ(week_of(thursday + 4 * day), thursday + 4 * day);
}

// ids: S52
TEST(statistics, merging_adds_what_has_one_day_and_name) {
    const auto counted = [](TimePoint at, const char* name, const char* user, std::uint64_t begun) {
        return Counted{at, name, user, begun, lengths_of({2min})};
    };
    Sums sums;
    for (auto&& each : {counted(thursday, "b", "", 1), counted(thursday, "a", "", 2),
                        counted(thursday, "b", "bob", 4), counted(thursday - day, "b", "", 8)})
        sums.add(each);
    const auto merged_ones = std::move(sums).sorted();
    ASSERT_EQ(merged_ones.size(), 3U);
    EXPECT_EQ(merged_ones[0].begun, 8U);
    EXPECT_EQ(merged_ones[1].begun, 2U);
    EXPECT_EQ(merged_ones[2].begun, 5U);
    EXPECT_EQ(merged_ones[2].user_id, "bob");
    EXPECT_EQ(merged_ones[2].ended.count(), 2U);
    EXPECT_EQ(merged_ones[2].ended.total, Millis(4min));
}

// ids: S52
TEST(client_kind, is_told_from_what_browsers_claim) {
    const std::pair<const char*, const char*> claims[] = {
        {"", "unknown"},
        {"curl/8.5.0", "Program"},
        {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Bot"},
        {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
         "Firefox on Linux"},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36",
         "Chrome on Windows"},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
         "Edge on Windows"},
        {"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Mobile Safari/537.36",
         "Chrome on Android"},
        {"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/17.5 Safari/605.1.15",
         "Safari on macOS"},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
         "(KHTML, like Gecko) CriOS/126.0.0.0 Mobile/15E148 Safari/604.1",
         "Chrome on iOS"},
        {"Firefox on Linux", "Firefox on Linux"}};
    for (const auto& [claim, kind] : claims) EXPECT_EQ(device_kind(claim), kind) << claim;
}

// ids: S52 C27
TEST(client_kind, network_hides_the_address_and_leaves_what_is_none) {
    const std::pair<const char*, const char*> places[] = {{"", "unknown"},
                                                          {"192.0.2.7", "192.0.0.0/16"},
                                                          {"203.0.113.9:51344", "203.0.0.0/16"},
                                                          {"::ffff:192.0.2.7", "192.0.0.0/16"},
                                                          {"2001:db8:1:2::7", "2001:db8::/32"},
                                                          {"[2001:db8::1]", "2001:db8::/32"},
                                                          {"[2001:db8::1]:443", "2001:db8::/32"},
                                                          {"[fe80::1%eth0]:443", "fe80::/32"},
                                                          {"[::ffff:192.0.2.7]:80", "192.0.0.0/16"},
                                                          {"fe80::1%eth0", "fe80::/32"},
                                                          {"DE", "DE"},
                                                          {"DE:Berlin", "DE:Berlin"},
                                                          {"St. Gallen [CH]", "St. Gallen [CH]"},
                                                          {"192.0.2", "unknown"},
                                                          {"192.0.2.700", "unknown"},
                                                          {"192.0.2.7/32", "unknown"},
                                                          {"203.0.113.9, 10.0.0.1", "unknown"},
                                                          {"203.0.113.9:51344:1", "unknown"},
                                                          {"for=203.0.113.9", "unknown"},
                                                          {"[2001:db8::1", "2001:db8::/32"},
                                                          {"2001:db8::x", "unknown"},
                                                          {"[", "["}};
    for (const auto& [place, network] : places) EXPECT_EQ(network_of(place), network) << place;
}

}  // namespace
}  // namespace vedfolnir::model
