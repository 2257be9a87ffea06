#include "model/database_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vedfolnir::model {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

DatabaseUrl parsed(std::string_view text) {
    auto url = parse_database_url(text);
    EXPECT_TRUE(url) << text << ": " << (url ? "" : url.error().detail);
    return url ? *url : DatabaseUrl{};
}

// ids: S4
TEST(DatabaseUrl, server_is_taken_apart_and_percent_decoded) {
    const auto url = parsed("postgresql://app:p%40ss%2Fw%3Ard%25@db.example:5433/sh%20op"
                            "?sslmode=verify-full&sslrootcert=/etc/ca.pem");
    EXPECT_EQ(url.engine, DatabaseEngine::postgresql);
    EXPECT_EQ(url.user, "app");
    EXPECT_EQ(url.password, "p@ss/w:rd%");
    EXPECT_EQ(url.host, "db.example");
    EXPECT_EQ(url.port, 5433);
    EXPECT_EQ(url.database, "sh op");
    EXPECT_EQ(url.options.at("sslmode"), "verify-full");
    EXPECT_EQ(url.options.at("sslrootcert"), "/etc/ca.pem");
}

// ids: S4
TEST(DatabaseUrl, schemes_of_other_libraries_mean_the_same_engine) {
    for (const auto* scheme : {"postgres", "postgresql", "POSTGRESQL", "postgresql+psycopg2"})
        EXPECT_EQ(parsed(std::string(scheme) + "://h/d").engine, DatabaseEngine::postgresql);
    for (const auto* scheme : {"mysql", "mariadb", "mysql+pymysql"})
        EXPECT_EQ(parsed(std::string(scheme) + "://h/d").engine, DatabaseEngine::mysql);
    EXPECT_EQ(parsed("mysql://h/d?charset=utf8mb4&ssl_ca=/ca.pem").options.at("ssl-ca"), "/ca.pem");
}

// ids: S4
TEST(DatabaseUrl, unix_sockets_and_ipv6) {
    auto url = parsed("postgresql://app@/shop?host=/var/run/postgresql");
    EXPECT_EQ(url.socket, "/var/run/postgresql");
    EXPECT_EQ(url.host, "");
    EXPECT_EQ(parsed("postgresql://app@%2Fvar%2Frun%2Fpg/shop").socket, "/var/run/pg");
    EXPECT_EQ(parsed("mysql://app@/shop?socket=/run/mysqld/mysqld.sock").socket,
              "/run/mysqld/mysqld.sock");
    url = parsed("mysql://[::1]:3307/shop");
    EXPECT_EQ(url.host, "::1");
    EXPECT_EQ(url.port, 3307);
}

// ids: S4
TEST(DatabaseUrl, file_is_percent_decoded) {
    EXPECT_EQ(parsed("sqlite:////srv/a%20b.db").file, "/srv/a b.db");
    EXPECT_EQ(parsed("sqlite3:///relative.db").file, "relative.db");
}

// ids: S4 S95
TEST(DatabaseUrl, what_cannot_be_meant_is_refused_in_words_that_repeat_nothing) {
    struct Case {
        const char* url;
        const char* says;
    };
    for (const auto& [url, says] :
         {Case{"postgresql://u:s3cret@h", "names no database"},
          Case{"postgresql://u:s3cret@/d", "?host="}, Case{"mysql://u:s3cret@/d", "?socket="},
          Case{"postgresql://u:s3cret@h:0/d", "port"},
          Case{"postgresql://u:s3cret@a,b/d", "several hosts"},
          Case{"postgresql://u:s3cret/x@h/d", "%2F"}, Case{"postgresql://u:s3cret?x@h/d", "%3F"},
          Case{"postgresql://u:s3cret#x@h/d", "%23"}, Case{"postgresql://u:s3cret%@h/d", "%25"},
          Case{"postgresql://u@h/d?password=s3cret", "no meaning"},
          Case{"mysql://u:s3cret@h/d?ssl-mode=PREFERRED", "ssl-mode"},
          Case{"mysql://u:s3cret@h/d?ssl-mode=REQUIRED", "ssl-ca"},
          Case{"mysql://u:s3cret@h/d?ssl-mode=VERIFY_IDENTITY", "name"},
          Case{"mssql://u:s3cret@h/d", "engine"}, Case{"s3cret", "no URL"}}) {
        const auto refused = parse_database_url(url);
        ASSERT_FALSE(refused) << url;
        EXPECT_EQ(refused.error().code, Errc::bad_options);
        EXPECT_THAT(refused.error().detail, HasSubstr(says)) << url;
        EXPECT_THAT(refused.error().detail, Not(HasSubstr("s3cret"))) << url;
    }
}

}  // namespace
}  // namespace vedfolnir::model
