#include "runtime/unattended.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace vedfolnir::test {
namespace {

namespace asio = boost::asio;

std::string said_by(asio::awaitable<int> coroutine) {
    asio::io_context loop;
    testing::internal::CaptureStderr();
    asio::co_spawn(loop, std::move(coroutine), runtime::unattended("a watch"));
    loop.run();
    return testing::internal::GetCapturedStderr();
}

asio::awaitable<int> works() { co_return 1; }

asio::awaitable<int> throws() {
    throw std::runtime_error("out of luck");
    co_return 1;
}

TEST(Unattended, exception_is_said_and_goes_no_further) {
    EXPECT_EQ(said_by(works()), "");
    EXPECT_THAT(said_by(throws()), testing::HasSubstr("a watch ended by an exception"));
    EXPECT_THAT(said_by(throws()), testing::HasSubstr("out of luck"));
}

}  // namespace
}  // namespace vedfolnir::test
