// Distributions, and the advice that follows from them.
#include "ops/figures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vedfolnir::ops {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Distribution all(double p50, double p99) {
    return {1000, Microseconds(p50), Microseconds(p50), Microseconds(p99), Microseconds(p99)};
}

/// A good installation: near cache, Unix socket, fast disk.
Measured good() {
    Measured measured;
    measured.near_cache = true;
    measured.unix_socket = true;
    measured.load = all(60, 200);
    measured.near_hit = all(2, 4);
    measured.save = all(120, 400);
    measured.touch = all(110, 400);
    measured.login = all(2000, 5000);
    measured.end = all(2000, 5000);
    return measured;
}

// ids: S29
TEST(Distribution, percentiles_whatever_the_order) {
    std::vector<Microseconds> times;
    for (int time = 200; time >= 1; --time) times.emplace_back(time);
    const auto of = distribution(std::move(times));
    EXPECT_EQ(of.count, 200U);
    EXPECT_EQ(of.p50, Microseconds(101));
    EXPECT_EQ(of.p90, Microseconds(181));
    EXPECT_EQ(of.p99, Microseconds(199));
    EXPECT_EQ(of.max, Microseconds(200));
}

TEST(Distribution, none_and_one) {
    EXPECT_EQ(distribution({}).count, 0U);
    const auto one = distribution({Microseconds(7)});
    EXPECT_EQ(one.p50, Microseconds(7));
    EXPECT_EQ(one.max, Microseconds(7));
}

// ids: S29 S74
TEST(Advice, a_good_installation_hears_only_that) {
    EXPECT_THAT(advice(good()), ElementsAre(HasSubstr("below 1 ms")));
}

TEST(Advice, each_fault_has_its_own) {
    auto measured = good();
    measured.near_cache = false;
    EXPECT_THAT(advice(measured), Contains(HasSubstr("VEDFOLNIR_NEAR_CACHE=true")));

    measured = good();
    measured.load = all(4000, 5000);
    EXPECT_THAT(advice(measured), Contains(HasSubstr("do not stay below 1 ms")));
    EXPECT_THAT(advice(measured), Contains(HasSubstr("far away or busy")));

    measured = good();
    measured.unix_socket = false;
    measured.loopback = true;
    EXPECT_THAT(advice(measured), Contains(HasSubstr("unix:///path")));
    EXPECT_THAT(advice(measured), Not(Contains(HasSubstr("TLS"))));
    measured.tls = true;
    EXPECT_THAT(advice(measured), Contains(HasSubstr("TLS")));

    measured = good();
    measured.login = all(40'000, 90'000);
    EXPECT_THAT(advice(measured), Contains(HasSubstr("fast fsync")));

    measured = good();
    measured.save = all(120, 9000);
    EXPECT_THAT(advice(measured), Contains(HasSubstr("One in a hundred saves")));

    measured = good();
    measured.redis = measured.near_cache = false;
    EXPECT_THAT(advice(measured), Contains(HasSubstr("live in SQL")));
    EXPECT_THAT(advice(measured), Not(Contains(HasSubstr("near cache"))));
}

}  // namespace
}  // namespace vedfolnir::ops
