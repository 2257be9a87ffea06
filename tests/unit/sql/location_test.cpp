#include "sql/location.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace vedfolnir::sql {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string path_of(std::string_view url) {
    const auto location = parse_location(url, "/var/lib/vedfolnir");
    EXPECT_TRUE(location) << location.error().detail;
    return location ? location->path : std::string();
}

// ids: S4
TEST(Location, empty_url_is_a_private_file_in_the_state_directory) {
    const auto location = parse_location("", "/var/lib/vedfolnir/");
    ASSERT_TRUE(location);
    EXPECT_EQ(location->path, "/var/lib/vedfolnir/sessions.db");
    EXPECT_TRUE(location->private_home);
}

// ids: S4
TEST(Location, four_slashes_are_absolute_and_three_are_relative) {
    EXPECT_EQ(path_of("sqlite:////srv/app/s.db"), "/srv/app/s.db");
    EXPECT_EQ(path_of("sqlite:///s.db"), (std::filesystem::current_path() / "s.db").string());
    EXPECT_EQ(path_of("sqlite:////srv/app/../a b.db"), "/srv/a b.db");
    EXPECT_FALSE(parse_location("sqlite:////srv/s.db", {})->private_home);
}

// ids: S4
TEST(Location, what_names_no_durable_file_is_refused_with_the_way_to_write_it) {
    for (const auto* url :
         {"sqlite:///", "sqlite:///:memory:", "sqlite:////srv/", "sqlite://host/s.db",
          "sqlite:////srv/s.db?mode=ro", "sqlite:////srv/a\"b", "/srv/s.db"}) {
        const auto refused = parse_location(url, "/var/lib/vedfolnir");
        ASSERT_FALSE(refused) << url;
        EXPECT_EQ(refused.error().code, Errc::bad_options);
        EXPECT_THAT(refused.error().detail, HasSubstr("SESSION_DATABASE_URL"));
    }
    EXPECT_FALSE(parse_location("", ""));
}

// ids: S4 S95
TEST(Location, server_is_named_without_its_password) {
    const auto location =
        parse_location("postgresql+psycopg2://app:hunter2@db.example:5433/shop", "/var/lib/v");
    ASSERT_TRUE(location);
    EXPECT_FALSE(location->is_file());
    EXPECT_EQ(location->text(), "PostgreSQL database shop at db.example:5433 (user app)");
    EXPECT_EQ(parse_location("mariadb://u@/shop?socket=/run/m.sock", "")->text(),
              "MySQL database shop at /run/m.sock (user u)");
}

// ids: S4 S95
TEST(Location, refusal_of_a_servers_url_never_repeats_its_password) {
    for (const auto* url :
         {"postgresql://app:hunter2@db", "mysql://app:hunter2@db:port/app",
          "oracle://app:hunter2@db/app", "postgresql://app:hunter2/x@db/app",
          "postgresql://app:hunter2%zz@db/app", "mysql://app@db/app?password=hunter2"}) {
        const auto refused = parse_location(url, "/var/lib/vedfolnir");
        ASSERT_FALSE(refused) << url;
        EXPECT_EQ(refused.error().code, Errc::bad_options);
        EXPECT_THAT(refused.error().detail, HasSubstr("SESSION_DATABASE_URL"));
        EXPECT_THAT(refused.error().detail, Not(HasSubstr("hunter2")));
    }
}

}  // namespace
}  // namespace vedfolnir::sql
