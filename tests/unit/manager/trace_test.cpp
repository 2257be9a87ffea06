// One trace id from the request to what its operations leave behind.
#include "harness.hpp"

#include <gmock/gmock.h>

namespace vedfolnir::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

const TraceId trace = *TraceId::parse("0af7651916cd43dd8448eb211c80319c");

class Traces : public ManagerTest {
protected:
    [[nodiscard]] static RequestContext traced(const std::string& cookie) {
        RequestContext context = request(cookie);
        context.trace = trace;
        return context;
    }
    std::string log_in() {
        std::string cookie;
        Session session = load(cookie);
        set(session, "_user_id", std::string("7"));
        const auto result = manager->commit(session, traced(cookie));
        EXPECT_TRUE(result.has_value());
        follow(*result, cookie);
        return cookie;
    }
    [[nodiscard]] Timing timing(Operation operation) const {
        return manager->timings()[static_cast<std::size_t>(operation)];
    }
};

// ids: S101 S41
TEST_F(Traces, events_are_found_by_the_trace_of_their_request) {
    (void)log_in();
    (void)sign_in("8");
    AuditFilter wanted;
    wanted.trace = trace;
    const auto found = manager->audit(wanted);
    ASSERT_TRUE(found.has_value());
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->front().user_id, "7");
    EXPECT_THAT(found->front().detail, HasSubstr(R"("trace":"0af7651916cd43dd8448eb211c80319c")"));
}

// ids: S101
TEST_F(Traces, report_of_an_ending_that_sql_did_not_take_names_the_request) {
    const std::string cookie = log_in();
    Session session = load(cookie);
    session.clear();
    archive->set_down(true);
    const auto result = manager->commit(session, traced(cookie));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->ending, Ending::pending);
    EXPECT_THAT(reports, Contains(AllOf(StartsWith("an ending is pending"),
                                        HasSubstr("[trace " + trace.text() + "]"))));
}

// ids: S101
TEST_F(Traces, slow_operation_is_reported_with_its_time_store_and_request) {
    (void)log_in();
    EXPECT_TRUE(reports.empty()) << "nothing takes a quarter of a second here";
    ManagerOptions options;
    options.slow_operation = std::chrono::microseconds(1);
    open(options);
    (void)log_in();
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_THAT(
        reports.front(),
        testing::MatchesRegex("slow login: [0-9]+ us, store redis .trace " + trace.text() + "."));
    EXPECT_EQ(manager->counters().slow_operations, 1U);
    options.slow_operation = std::chrono::microseconds(0);
    open(options);
    (void)log_in();
    EXPECT_EQ(reports.size(), 1U);
}

// ids: S101 S63
TEST_F(Traces, each_operation_is_counted_once_in_the_bucket_of_its_time) {
    std::string cookie;
    Session fresh = load(cookie);
    set(fresh, "value", std::string("1"));
    (void)commit(fresh, cookie);
    Session changed = load(cookie);
    set(changed, "value", std::string("2"));
    (void)commit(changed, cookie);
    Session read = load(cookie);
    (void)commit(read, cookie);
    watched->unreachable = true;
    EXPECT_FALSE(manager->load(request(cookie)).has_value());
    set(read = Session(), "value", std::string("3"));
    EXPECT_FALSE(manager->commit(read, request(cookie)).has_value());

    EXPECT_EQ(timing(Operation::create).count(), 1U);
    EXPECT_EQ(timing(Operation::save).count(), 1U) << "the last commit had nothing to write";
    EXPECT_EQ(timing(Operation::load).count(), 3U)
        << "the failed one, too; not the first, which had no cookie";
    EXPECT_EQ(timing(Operation::commit_failed).count(), 1U);
    EXPECT_EQ(timing(Operation::login).count(), 0U);
}

// ids: S63
TEST(AtomicTiming, bound_belongs_to_its_bucket) {
    runtime::AtomicTiming timing;
    for (const std::uint64_t took : {0UL, 50UL, 51UL, 1'000'000UL, 1'000'001UL, 90'000'000UL})
        timing.add(took);
    const Timing read = timing.read();
    EXPECT_EQ(read.buckets.front(), 2U);
    EXPECT_EQ(read.buckets[1], 1U);
    EXPECT_EQ(read.buckets[13], 1U);
    EXPECT_EQ(read.buckets.back(), 2U);
    EXPECT_EQ(read.count(), 6U);
    EXPECT_EQ(read.sum_us, 92'000'102U);
}

}  // namespace
}  // namespace vedfolnir::test
