#include "sql/failure.hpp"
#include "sql/sql_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vedfolnir::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// ids: S4
TEST(SqlFiles, statements_are_cut_at_semicolons_that_end_a_line) {
    EXPECT_THAT(split_statements("-- why\nCREATE a (x);\n\n-- more; of it\nINSERT 'a;b';\nDROP c"),
                ElementsAre("CREATE a (x)", "INSERT 'a;b'", "DROP c"));
    EXPECT_THAT(split_statements("-- nothing\n\n"), IsEmpty());
}

// ids: S4
TEST(SqlFiles, query_is_sent_without_its_comments) {
    const auto text = query_text("sqlite", "session_by_handle");
    EXPECT_THAT(text, HasSubstr("WHERE handle = :handle"));
    EXPECT_THAT(text, Not(HasSubstr("--")));
    EXPECT_FALSE(text.ends_with('\n'));
}

// ids: S4
TEST(SqlFiles, own_file_of_a_dialect_is_found_by_that_dialect_only) {
    EXPECT_THAT(query_text("sqlite", "schema_migrations_exists"), HasSubstr("sqlite_master"));
    EXPECT_THROW(static_cast<void>(query_text("other", "schema_migrations_exists")), Failure);
    EXPECT_THROW(static_cast<void>(query_text("sqlite", "no_such_query")), Failure);
}

// ids: S4
TEST(SqlFiles, migrations_come_in_order_with_a_checksum_each) {
    const auto known = migrations("sqlite");
    ASSERT_FALSE(known.empty());
    for (std::size_t i = 0; i < known.size(); ++i) {
        EXPECT_EQ(known[i].version, static_cast<std::int64_t>(i) + 1);
        EXPECT_EQ(known[i].checksum.size(), 16U);
        EXPECT_THAT(known[i].statements, Not(IsEmpty()));
    }
    EXPECT_NE(known[0].checksum, known[1].checksum);
    EXPECT_LT(migrations("other").size(), known.size());
}

}  // namespace
}  // namespace vedfolnir::sql
