#include "vedfolnir/types.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir {
namespace {

const std::string trace = "0af7651916cd43dd8448eb211c80319c";
const std::string parent = "b7ad6b7169203331";

// ids: S101
TEST(TraceId, is_read_from_a_traceparent) {
    const auto found = TraceId::of_traceparent("00-" + trace + "-" + parent + "-01");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->text(), trace);
    EXPECT_EQ(TraceId::parse(trace), found);
}

// ids: S101
TEST(TraceId, later_version_may_say_more) {
    EXPECT_TRUE(TraceId::of_traceparent("cc-" + trace + "-" + parent + "-01-more"));
    EXPECT_TRUE(TraceId::of_traceparent("01-" + trace + "-" + parent + "-00"));
}

// ids: S101
TEST(TraceId, anything_else_is_none) {
    const std::string good = "00-" + trace + "-" + parent + "-01";
    for (std::string bad :
         {std::string(), good + "-more", good + " ", " " + good, "ff" + good.substr(2),
          good.substr(0, 54), "cc" + good.substr(2) + "more",
          "00-" + std::string(32, '0') + "-" + parent + "-01",
          "00-" + trace + "-" + std::string(16, '0') + "-01"})
        EXPECT_FALSE(TraceId::of_traceparent(bad)) << bad;
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const char wrong : {'A', 'g', ' ', '\0'}) {
            std::string bad = good;
            bad[at] = wrong;
            EXPECT_FALSE(TraceId::of_traceparent(bad)) << bad;
        }
    }
    EXPECT_FALSE(TraceId::parse(std::string(32, '0')));
    EXPECT_FALSE(TraceId::parse(trace + "0"));
}

}  // namespace
}  // namespace vedfolnir
