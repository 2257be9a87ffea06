#include "ops/json_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace vedfolnir::ops {
namespace {

namespace json = boost::json;

// ids: S64 S65
TEST(JsonText, numbers_have_no_exponent_and_read_back_the_same) {
    struct Case {
        double number;
        const char* text;
    };
    for (const Case& each :
         {Case{1131.285, "1131.285"}, Case{1200, "1200"}, Case{0.1, "0.1"}, Case{-2.5, "-2.5"},
          Case{0.00005, "0.00005"}, Case{0, "0"}, Case{1e21, "1000000000000000000000"}})
        EXPECT_EQ(json_text(each.number), each.text);
    for (const double number :
         {std::numeric_limits<double>::max(), -std::numeric_limits<double>::denorm_min(), 1.0 / 3})
        EXPECT_EQ(std::strtod(json_text(number).c_str(), nullptr), number);
}

// ids: S64 S65
TEST(JsonText, all_else_is_as_it_was) {
    const json::value document = json::parse(
        R"({"a":[],"b":{},"c":[1,"x\"y\n",null,true,{"d":18446744073709551615}],"e\"":-1})");
    EXPECT_EQ(json::parse(json_text(document)), document);
    EXPECT_EQ(json_text(json::object{{"a", json::array{}}, {"b", {1.5, "x"}}}),
              R"({"a":[],"b":[1.5,"x"]})");
}

}  // namespace
}  // namespace vedfolnir::ops
