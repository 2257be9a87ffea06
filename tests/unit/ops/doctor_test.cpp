// The doctor's judgement: each broken fact gives its own message with a fix; what was not found out is unknown.
#include "ops/doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

namespace vedfolnir::ops {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

RedisStep passed(std::string name) { return {std::move(name), true, {}, {}, {}}; }

Facts sound() {
    Facts facts;
    facts.redis.address = "cache:6379";
    facts.redis.tls = true;
    facts.redis.tls_verified = true;
    for (const auto* name :
         {"resolve", "connect", "tls", "auth", "ping", "functions", "write", "read", "erase"}) {
        facts.redis.steps.push_back(passed(name));
    }
    facts.redis.library = facts.redis.library_wanted = 1;
    facts.redis.open_without_password = false;
    facts.redis.needless_permissions = std::vector<std::string>{};
    facts.redis.eviction_policy = "noeviction";
    facts.redis.evicted_keys = 0;
    facts.redis.append_only_file = true;
    facts.redis.clock_ahead = Millis(3);
    facts.redis.server = "Redis 8.2.2";
    facts.redis.round_trip = std::chrono::microseconds(90);
    facts.redis.memory = RedisMemory{.used = 100UL << 20U, .limit = 1000UL << 20U};
    facts.redis.clients = RedisClients{.connected = 12, .limit = 10'000};
    facts.redis.replicas = 1;
    facts.redis.replicas_demanded = 1;
    facts.redis.slow = std::vector<SlowCommand>{};
    facts.redis.current = true;
    facts.redis.bind = "10.0.0.5";
    facts.redis.tcp = facts.redis.protected_mode = true;
    facts.redis.buffer_limit = 1 << 28;
    facts.session_sizes = SessionSizes{.looked_at = 90, .largest = 700, .handle = "0af7"};
    facts.database = {.path = "/s.db", .exists = true, .usable = true, .failure = {}, .mode = 0600};
    facts.database.took = Millis(9);
    facts.database.waited = Millis(1);
    facts.fallback = {.applies = true, .state = FallbackState{}};
    facts.sample = {.opens = true, .handle = "0af7", .failure = {}};
    facts.secret_files = {{"VEDFOLNIR_KEY_FILE", "/key", 0600}};
    facts.page = {.asked = true,
                  .url = "https://a/login",
                  .https = true,
                  .failure = {},
                  .status = 200,
                  .cookies = {{"AQID", true, "lax"}},
                  .location = "https://a/x",
                  .location_forwarded = {}};
    return facts;
}

Finding finding(const Facts& facts, std::string_view id) {
    for (auto& one : examine(facts)) {
        if (one.id == id) return one;
    }
    return {std::string(id), Status::ok, "absent", ""};
}

// ids: S60 S98
TEST(doctor, a_sound_installation_is_ok_throughout) {
    for (const auto& one : examine(sound())) {
        EXPECT_EQ(one.status, Status::ok) << one.id << ": " << one.message;
        EXPECT_THAT(one.fix, IsEmpty()) << one.id;
    }
}

// ids: S60 S67
TEST(doctor, without_any_fact_nothing_is_ok_that_was_not_seen) {
    Facts facts;
    facts.page.asked = true;
    facts.page.failure = "no answer";
    const std::set<std::string> decided_by_settings{"configuration", "keys"};
    for (const auto& one : examine(facts)) {
        if (decided_by_settings.contains(one.id)) continue;
        EXPECT_NE(one.status, Status::ok) << one.id << ": " << one.message;
    }
}

// ids: S60
TEST(doctor, says_which_server_answers) {
    auto facts = sound();
    facts.redis.address = "cache:6379";
    facts.redis.server = "Valkey 8.0.1";
    EXPECT_EQ(finding(facts, "redis.connection").message, "cache:6379 answers (Valkey 8.0.1)");

    facts.redis.server.clear();
    EXPECT_EQ(finding(facts, "redis.connection").message, "cache:6379 answers");
}

struct Broken {
    const char* id;
    Status status;
    const char* message;
    std::function<void(Facts&)> make;
};

class EachFault : public testing::TestWithParam<Broken> {};

// ids: S7 S60 S95 S98 C34
TEST_P(EachFault, has_its_own_message_and_fix) {
    auto facts = sound();
    GetParam().make(facts);
    const auto one = finding(facts, GetParam().id);
    EXPECT_EQ(one.status, GetParam().status) << one.message;
    EXPECT_THAT(one.message, HasSubstr(GetParam().message));
    EXPECT_THAT(one.fix, Not(IsEmpty()));
}

void stop_at(Facts& facts, const char* name, const char* failure, const char* message) {
    auto& steps = facts.redis.steps;
    const auto at = std::find_if(steps.begin(), steps.end(),
                                 [&](const auto& step) { return step.name == name; });
    *at = {name, false, failure, message, "their words"};
    steps.erase(at + 1, steps.end());
}

const Broken faults[] = {
    {"configuration", Status::fail, "REDIS_PORT",
     [](Facts& f) { f.errors = {"REDIS_PORT: wrong"}; }},
    {"configuration", Status::warn, "REDIS_HOTS",
     [](Facts& f) { f.warnings = {"REDIS_HOTS unknown"}; }},
    {"keys", Status::fail, "VEDFOLNIR_KEY",
     [](Facts& f) { f.errors = {"VEDFOLNIR_KEY is not set"}; }},
    {"keys.record", Status::fail, "session 0af7 does not open",
     [](Facts& f) { f.sample = {.opens = false, .handle = "0af7", .failure = {}}; }},
    {"keys.audit", Status::fail, "its index secret is another one",
     [](Facts& f) { f.database.trail_opens = false; }},
    {"cookie.secure", Status::warn, "SESSION_COOKIE_SECURE=false",
     [](Facts& f) {
         f.page = {};
         f.cookie.secure = false;
     }},
    {"secret_files", Status::warn, "others may read",
     [](Facts& f) { f.secret_files[0].mode = 0644; }},
    {"secret_files", Status::fail, "others may write",
     [](Facts& f) { f.secret_files[0].mode = 0602; }},
    {"redis.connection", Status::fail, "refused",
     [](Facts& f) { stop_at(f, "connect", "refused", "Nothing listens. Start it."); }},
    {"redis.connection", Status::fail, "password_wrong",
     [](Facts& f) { stop_at(f, "auth", "password_wrong", "Refused. Check it."); }},
    {"redis.functions", Status::fail, "not_installed",
     [](Facts& f) { stop_at(f, "functions", "not_installed", "Missing. Install it."); }},
    {"redis.functions", Status::fail, "version 1, 2 is needed",
     [](Facts& f) { f.redis.library_wanted = 2; }},
    {"redis.record", Status::fail, "read_only",
     [](Facts& f) { stop_at(f, "write", "read_only", "A replica. Use the primary."); }},
    {"redis.password", Status::fail, "everybody on the network",
     [](Facts& f) { f.redis.open_without_password = true; }},
    {"redis.password", Status::warn, "every user of this host",
     [](Facts& f) {
         f.redis.open_without_password = true;
         f.redis.loopback = true;
     }},
    {"redis.encryption", Status::warn, "not encrypted", [](Facts& f) { f.redis.tls = false; }},
    {"redis.encryption", Status::warn, "without verification",
     [](Facts& f) { f.redis.tls_verified = false; }},
    {"redis.permissions", Status::warn, "EVAL",
     [](Facts& f) { f.redis.needless_permissions = std::vector<std::string>{"EVAL"}; }},
    {"redis.eviction", Status::fail, "allkeys-lru",
     [](Facts& f) { f.redis.eviction_policy = "allkeys-lru"; }},
    {"redis.eviction", Status::warn, "started: 4", [](Facts& f) { f.redis.evicted_keys = 4; }},
    {"redis.persistence", Status::warn, "append-only",
     [](Facts& f) { f.redis.append_only_file = false; }},
    {"redis.clock", Status::warn, "5000 ms behind",
     [](Facts& f) { f.redis.clock_ahead = Millis(-5000); }},
    {"redis.clock", Status::fail, "60000 ms ahead",
     [](Facts& f) { f.redis.clock_ahead = Millis(60000); }},
    {"database", Status::fail, "disk is full",
     [](Facts& f) {
         f.database.usable = false;
         f.database.failure = "disk is full";
     }},
    {"database", Status::warn, "does not exist yet",
     [](Facts& f) {
         f.database.usable.reset();
         f.database.exists = false;
     }},
    {"state_dir", Status::fail, "is not writable",
     [](Facts& f) {
         f.journal.applies = true;
         f.journal.unwritable = "VEDFOLNIR_STATE_DIR: the folder /x is not writable";
     }},
    {"fallback", Status::warn, "Redis is left alone",
     [](Facts& f) { f.fallback.state->mode = FallbackMode::on; }},
    {"fallback", Status::warn, "by operator:ada",
     [](Facts& f) {
         f.fallback.state->mode = FallbackMode::off;
         f.fallback.state->actor = "operator:ada";
     }},
    {"fallback", Status::warn, "not told yet: 3", [](Facts& f) { f.fallback.state->ahead = 3; }},
    {"database.file", Status::fail, "others may write", [](Facts& f) { f.database.mode = 0666; }},
    {"database.file", Status::warn, "others may read", [](Facts& f) { f.database.mode = 0644; }},
    {"page", Status::fail, "500", [](Facts& f) { f.page.status = 500; }},
    {"cookie.secure_over_http", Status::fail, "browsers drop it",
     [](Facts& f) { f.page.https = false; }},
    {"cookie.secure_over_http", Status::fail, "by the configuration",
     [](Facts& f) {
         f.page.https = false;
         f.page.cookies.clear();
     }},
    {"cookie.secure", Status::fail, "not Secure",
     [](Facts& f) { f.page.cookies[0].secure = false; }},
    {"cookie.same_site", Status::fail, "SameSite=None without Secure",
     [](Facts& f) {
         f.page.cookies[0] = {"AQID", false, "none"};
     }},
    {"cookie.proxy_scheme", Status::fail, "scheme is lost",
     [](Facts& f) { f.page.location = "http://a/x"; }},
    {"cookie.proxy_scheme", Status::fail, "ignores X-Forwarded-Proto",
     [](Facts& f) {
         f.page.https = false;
         f.page.location_forwarded = "http://a/x";
     }},
    {"cookie.flask", Status::fail, "Flask's own",
     [](Facts& f) { f.page.cookies[0].value_begin = "eyJf"; }},
    {"cookie.flask", Status::fail, "Flask's own",
     [](Facts& f) { f.page.cookies[0].value_begin = ".eJw"; }},
    {"cookie.value", Status::warn, "old Flask",
     [](Facts& f) { f.cookie_value = CookieValueKind::flask; }},
    {"cookie.value", Status::warn, "UUID",
     [](Facts& f) { f.cookie_value = CookieValueKind::uuid; }},
    {"cookie.value", Status::fail, "no key of this installation",
     [](Facts& f) { f.cookie_value = CookieValueKind::foreign_id; }},
    {"cookie.value", Status::fail, "not a session id",
     [](Facts& f) { f.cookie_value = CookieValueKind::other; }},
};

INSTANTIATE_TEST_SUITE_P(doctor, EachFault, testing::ValuesIn(faults));

const Broken slow_or_open[] = {
    {"redis.version", Status::warn, "CVE-2025-49844",
     [](Facts& f) { f.redis.server = "Redis 8.2.1"; }},
    {"redis.version", Status::warn, "Redis 7.0.15",
     [](Facts& f) { f.redis.server = "Redis 7.0.15"; }},
    {"redis.version", Status::warn, "Valkey 8.0.5",
     [](Facts& f) { f.redis.server = "Valkey 8.0.5"; }},
    {"redis.exposure", Status::warn, "without a limit", [](Facts& f) { f.redis.buffer_limit = 0; }},
    {"redis.replicas", Status::warn, "without its replicas",
     [](Facts& f) { f.redis.replicas_demanded = 0; }},
    {"redis.memory", Status::warn, "81 %", [](Facts& f) { f.redis.memory->used = 810UL << 20U; }},
    {"redis.memory", Status::fail, "96 %", [](Facts& f) { f.redis.memory->used = 960UL << 20U; }},
    {"redis.memory", Status::warn, "swapped",
     [](Facts& f) { f.redis.memory->fragmentation = 0.5; }},
    {"redis.memory", Status::warn, "2.0 times",
     [](Facts& f) { f.redis.memory->fragmentation = 2; }},
    {"redis.clients", Status::warn, "9000 of 10000",
     [](Facts& f) { f.redis.clients->connected = 9'000; }},
    {"redis.latency", Status::warn, "12.0 ms",
     [](Facts& f) { f.redis.round_trip = std::chrono::microseconds(12'000); }},
    {"redis.slow", Status::warn, "slow commands in the last hour: 2; KEYS took 130 ms",
     [](Facts& f) {
         f.redis.slow = std::vector<SlowCommand>{{"KEYS", std::chrono::microseconds(130'000)},
                                                 {"SORT", std::chrono::microseconds(20'000)}};
     }},
    {"redis.copies", Status::warn, "not all copies in SQL",
     [](Facts& f) { f.redis.current = false; }},
    {"sessions.size", Status::warn, "3 of 90 sessions",
     [](Facts& f) {
         f.session_sizes->large = 3;
         f.session_sizes->largest = 200'000;
     }},
    {"database.wait", Status::warn, "took 450 ms, 440 of them",
     [](Facts& f) {
         f.database.took = Millis(450);
         f.database.waited = Millis(440);
     }},
};

class EachSlowness : public EachFault {};

// ids: S97 V24 R11 N13 S74
TEST_P(EachSlowness, is_named_first_with_its_fix) {
    auto facts = sound();
    GetParam().make(facts);
    const auto first = examine(facts).at(0);
    EXPECT_EQ(first.id, GetParam().id);
    EXPECT_EQ(first.status, GetParam().status) << first.message;
    EXPECT_THAT(first.message, HasSubstr(GetParam().message));
    EXPECT_THAT(first.fix, Not(IsEmpty()));
}
INSTANTIATE_TEST_SUITE_P(doctor, EachSlowness, testing::ValuesIn(slow_or_open));

// ids: S60
TEST(doctor, what_failed_comes_first_and_what_is_well_last) {
    auto facts = sound();
    facts.redis.append_only_file = false;
    facts.redis.clock_ahead.reset();
    facts.redis.eviction_policy = "allkeys-lru";
    const auto all = examine(facts);
    EXPECT_EQ(all.at(0).id, "redis.eviction");
    EXPECT_EQ(all.at(1).id, "redis.persistence");
    EXPECT_EQ(all.at(2).status, Status::unknown);
    EXPECT_EQ(all.back().status, Status::ok);
}

// ids: V24 R11
TEST(doctor, who_listens_on_this_host_only_is_not_exposed) {
    auto facts = sound();
    facts.redis.protected_mode = false;
    facts.redis.open_without_password = true;
    facts.redis.buffer_limit = 0;
    for (const auto* bind : {"127.0.0.1 -::1", "::1", "127.0.0.1 127.8.0.1"}) {
        facts.redis.bind = bind;
        EXPECT_EQ(finding(facts, "redis.exposure").status, Status::ok) << bind;
    }
    for (const auto* bind : {"", "*", "127.0.0.1 10.0.0.1", "::", "-::*"}) {
        facts.redis.bind = bind;
        EXPECT_EQ(finding(facts, "redis.exposure").status, Status::warn) << bind;
        EXPECT_THAT(finding(facts, "redis.exposure").message, HasSubstr("without a password"));
    }
    facts.redis.tcp = false;
    EXPECT_EQ(finding(facts, "redis.exposure").status, Status::ok);
}

// ids: S60
TEST(doctor, what_the_user_may_not_ask_is_unknown) {
    auto facts = sound();
    facts.redis.eviction_policy.reset();
    facts.redis.append_only_file.reset();
    facts.redis.clock_ahead.reset();
    facts.redis.bind.reset();
    facts.redis.slow.reset();
    facts.redis.replicas_demanded.reset();
    facts.secret_files[0].mode.reset();
    for (const auto* id : {"redis.eviction", "redis.persistence", "redis.clock", "redis.exposure",
                           "redis.slow", "redis.replicas", "secret_files"}) {
        EXPECT_EQ(finding(facts, id).status, Status::unknown) << id;
    }
}

// ids: S60 S88
TEST(doctor, a_ring_without_an_index_secret_is_told_to_keep_its_oldest_key) {
    auto facts = sound();
    facts.warnings = {"VEDFOLNIR_INDEX_SECRET is not set: users are named by the oldest key"};
    EXPECT_EQ(finding(facts, "keys").status, Status::warn);
    EXPECT_THAT(finding(facts, "keys").fix, HasSubstr("leave the oldest key in the ring"));
}

// ids: S60
TEST(doctor, a_record_that_could_not_be_tried_is_unknown) {
    auto facts = sound();
    facts.sample = {};
    EXPECT_EQ(finding(facts, "keys.record").status, Status::unknown);
    facts.fallback.state.reset();
    EXPECT_EQ(finding(facts, "fallback").status, Status::unknown);
    EXPECT_THAT(finding(facts, "keys.record").message, HasSubstr("nobody is logged in"));
    facts.sample.missing = 2;
    EXPECT_EQ(finding(facts, "keys.record").status, Status::unknown);
    EXPECT_THAT(finding(facts, "keys.record").message, HasSubstr("the 2 newest sessions"));
    facts.sample.failure = "Redis: no answer";
    EXPECT_THAT(finding(facts, "keys.record").message, HasSubstr("Redis: no answer"));
}

// ids: S60
TEST(doctor, after_a_failed_connection_the_rest_is_unknown) {
    auto facts = sound();
    stop_at(facts, "connect", "refused", "Nothing listens. Start it.");
    for (const auto* id : {"redis.functions", "redis.record", "redis.permissions", "redis.eviction",
                           "redis.clock"}) {
        EXPECT_EQ(finding(facts, id).status, Status::unknown) << id;
    }
}

// ids: S60 R13
TEST(doctor, an_audit_trail_that_nobody_signs_or_copies_is_told) {
    Facts facts = sound();
    facts.audit.applies = true;
    const auto unsigned_trail = finding(facts, "audit");
    EXPECT_EQ(unsigned_trail.status, Status::warn);
    EXPECT_THAT(unsigned_trail.fix, HasSubstr("keys audit --generate"));
    facts.audit.archived = true;
    EXPECT_EQ(finding(facts, "audit").status, Status::fail) << "nothing is archived, nothing goes";

    facts.audit.has_key = true;
    EXPECT_THAT(finding(facts, "audit").fix, HasSubstr("VEDFOLNIR_AUDIT_HEADS_FILE"));
    facts.audit.copied = true;
    EXPECT_EQ(finding(facts, "audit").status, Status::ok);
    facts.audit.signing = false;
    EXPECT_THAT(finding(facts, "audit").message, HasSubstr("by a timer"));
    facts.audit.failure = "others may read /state/audit.key";
    EXPECT_EQ(finding(facts, "audit").status, Status::fail);
}

// ids: S60 R3 R11
TEST(doctor, what_waits_for_sql_is_told_and_what_cannot_be_replayed_fails) {
    Facts facts = sound();
    facts.journal.applies = true;
    facts.journal.path = "/state/journal";
    EXPECT_EQ(finding(facts, "journal").status, Status::ok);

    facts.journal.entries = 3;
    facts.journal.age = Seconds{90};
    const auto waits = finding(facts, "journal");
    EXPECT_EQ(waits.status, Status::warn);
    EXPECT_THAT(waits.message, HasSubstr("SQL: 3, "));
    EXPECT_THAT(waits.message, HasSubstr("90 s"));

    facts.journal.damage = "it is damaged at offset 77";
    EXPECT_EQ(finding(facts, "journal").status, Status::fail);
    EXPECT_THAT(finding(facts, "journal").message, HasSubstr("offset 77"));
    facts.journal.damage.clear();
    facts.journal.aside = {"/state/journal/refused.jsonl"};
    EXPECT_THAT(finding(facts, "journal").message, HasSubstr("refused.jsonl"));
    facts.journal.failure = "no permission";
    EXPECT_EQ(finding(facts, "journal").status, Status::unknown);
}

// ids: S60 R11
TEST(doctor, state_folder_that_goes_with_its_host_is_a_warning) {
    Facts facts = sound();
    facts.journal.applies = true;
    facts.journal.path = "/state/journal";
    EXPECT_EQ(finding(facts, "state_dir").message, "absent");
    facts.journal.passing_file_system = "tmpfs";
    EXPECT_EQ(finding(facts, "state_dir").status, Status::warn);
    EXPECT_THAT(finding(facts, "state_dir").message, HasSubstr("tmpfs"));
}

}  // namespace
}  // namespace vedfolnir::ops
