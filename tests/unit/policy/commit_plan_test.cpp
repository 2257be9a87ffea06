#include "model/codec.hpp"
#include "policy/commit_plan.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace vedfolnir::policy {
namespace {

using model::Entries;

const IdentityOptions options;

std::string text(std::string_view value) { return model::encode_text(value); }
const std::string yes = "\xc3";
const std::string no = "\xc2";

/// One request, said step by step.
struct Request {
    Entries base;
    Entries current;
    bool loaded = false;
    std::string user;
    bool cleared = false;
    bool login_marked = false;
    std::set<std::string, std::less<>> written;

    static Request on(Entries stored, std::string user = {}) {
        Request request;
        request.base = stored;
        request.current = std::move(stored);
        request.loaded = true;
        request.user = std::move(user);
        return request;
    }
    Request& set(const std::string& key, std::string value) {
        current[key] = std::move(value);
        if (cleared || removed_identity) written.insert(key);
        return *this;
    }
    Request& erase(const std::string& key) {
        current.erase(key);
        for (const auto& name : options.keys) removed_identity = removed_identity || name == key;
        return *this;
    }
    Request& clear() {
        current.clear();
        written.clear();
        cleared = true;
        return *this;
    }
    [[nodiscard]] Result<CommitPlan> plan() const {
        return plan_commit({base, current, loaded, user, cleared, login_marked, written}, options);
    }
    [[nodiscard]] Plan kind() const {
        const auto planned = plan();
        EXPECT_TRUE(planned.has_value());
        return planned ? planned->plan : Plan::nothing;
    }

    bool removed_identity = false;
};

Request user_7(Entries more = {}) {
    more["_user_id"] = text("7");
    more["_fresh"] = yes;
    return Request::on(std::move(more), "7");
}

// ids: S14 S21 V14
TEST(CommitPlan, nothing_is_written_for_an_untouched_or_empty_session) {
    EXPECT_EQ(Request().kind(), Plan::nothing);
    EXPECT_EQ(user_7().kind(), Plan::nothing);
    EXPECT_EQ(user_7().set("_user_id", text("7")).kind(), Plan::nothing)
        << "an equal value is no change";
}

// ids: S21 S14
TEST(CommitPlan, a_first_write_creates_and_later_ones_save) {
    EXPECT_EQ(Request().set("theme", text("dark")).kind(), Plan::create);
    EXPECT_EQ(Request::on({{"theme", text("dark")}}).set("theme", text("light")).kind(),
              Plan::save);
    EXPECT_EQ(user_7().set("cart", text("book")).kind(), Plan::save);
    EXPECT_EQ(user_7({{"cart", text("book")}}).erase("cart").kind(), Plan::save);
}

// ids: C03 S13 S91
TEST(CommitPlan, a_new_identity_is_a_login) {
    const auto plan = Request::on({{"cart", text("book")}}).set("_user_id", text("7")).plan();
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->plan, Plan::login);
    EXPECT_EQ(plan->user, "7");
    EXPECT_EQ(plan->entries, (Entries{{"_user_id", text("7")}, {"cart", text("book")}}));
    EXPECT_EQ(Request().set("user_id", "\x07").plan()->user, "7")
        << "an integer under the other key";
}

// ids: C03 S13 S46
TEST(CommitPlan, clear_and_set_is_a_login_even_of_the_same_user) {
    const auto plan = user_7({{"cart", text("book")}}).clear().set("_user_id", text("7")).plan();
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->plan, Plan::login);
    EXPECT_FALSE(plan->entries.contains("cart"));
}

// ids: S12 S13
TEST(CommitPlan, a_marked_login_and_risen_freshness_rotate) {
    auto marked = user_7();
    marked.login_marked = true;
    EXPECT_EQ(marked.kind(), Plan::login);
    auto remembered = Request::on({{"_user_id", text("7")}, {"_fresh", no}}, "7");
    EXPECT_EQ(remembered.kind(), Plan::nothing);
    EXPECT_EQ(remembered.set("_fresh", yes).kind(), Plan::login);
}

// ids: V07 S13 C03
TEST(CommitPlan, a_login_drops_secrets_that_stood_before_it) {
    auto request = Request::on({{"csrf_token", text("planted")}, {"_flashes", text("f")}});
    request.set("_user_id", text("7"));
    EXPECT_FALSE(request.plan()->entries.contains("csrf_token"));
    EXPECT_TRUE(request.plan()->entries.contains("_flashes"));
    request.set("csrf_token", text("made in this request"));
    EXPECT_TRUE(request.plan()->entries.contains("csrf_token")) << "one made after the login stays";
}

// ids: S13
TEST(CommitPlan, one_users_data_is_never_handed_to_the_next) {
    const auto plan = user_7({{"cart", text("book")}}).set("_user_id", text("8")).plan();
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->plan, Plan::login);
    EXPECT_EQ(plan->user, "8");
    EXPECT_FALSE(plan->entries.contains("cart"));
}

// ids: S13
TEST(CommitPlan, an_allow_list_decides_what_survives_a_login) {
    IdentityOptions strict;
    strict.kept_at_login = {"next"};
    const Entries base{{"next", text("/x")}, {"cart", text("book")}};
    Entries current = base;
    current["_user_id"] = text("7");
    current["fresh_key"] = text("made in this request");
    const std::set<std::string, std::less<>> written;
    const auto plan = plan_commit({base, current, true, {}, false, false, written}, strict);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->entries, (Entries{{"_user_id", text("7")},
                                      {"next", text("/x")},
                                      {"fresh_key", text("made in this request")}}));
}

// ids: S45 C08
TEST(CommitPlan, removing_an_identity_key_is_a_logout) {
    const auto plan = user_7({{"cart", text("book")}, {"_flashes", text("f")}})
                          .erase("_user_id")
                          .set("after", text("x"))
                          .plan();
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->plan, Plan::end);
    EXPECT_EQ(plan->user, "");
    EXPECT_EQ(plan->entries, (Entries{{"_flashes", text("f")}, {"after", text("x")}}));
}

// ids: S45
TEST(CommitPlan, one_removed_identity_key_takes_the_others_along) {
    const auto plan = user_7({{"user_id", text("7")}}).erase("_user_id").plan();
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->plan, Plan::end);
    EXPECT_FALSE(plan->entries.contains("user_id"));
}

// ids: S45 C08
TEST(CommitPlan, clearing_ends_the_record) {
    EXPECT_EQ(user_7().clear().kind(), Plan::end);
    EXPECT_EQ(Request::on({{"a", text("1")}}).clear().kind(), Plan::end) << "an anonymous one too";
    const auto plan = user_7().clear().set("theme", text("dark")).plan();
    EXPECT_EQ(plan->plan, Plan::end);
    EXPECT_EQ(plan->entries, (Entries{{"theme", text("dark")}}));
}

// ids: S12
TEST(CommitPlan, two_different_identities_are_refused) {
    const auto plan = user_7().set("user_id", text("8")).plan();
    ASSERT_FALSE(plan.has_value());
    EXPECT_EQ(plan.error().code, Errc::denied);
    EXPECT_EQ(plan.error().public_message.find('8'), std::string::npos);
    EXPECT_TRUE(user_7().set("user_id", "\x07").plan().has_value()) << "7 and \"7\" are one user";
}

}  // namespace
}  // namespace vedfolnir::policy
