#include "crypto/random.hpp"
#include "crypto/secret.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace vedfolnir::crypto {
namespace {

// ids: C01 V13 S6
TEST(KernelRandom, forked_children_never_repeat_a_value) {
    constexpr int children = 8;
    std::array<int, 2> pipe_ends{};
    ASSERT_EQ(pipe(pipe_ends.data()), 0);
    KernelRandom random;
    (void)random_handle(random)
        .has_value();  // whatever state there were would exist before the fork
    for (int i = 0; i < children; ++i) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const auto handle = random_handle(random);
            const bool sent =
                handle && write(pipe_ends[1], handle->bytes.data(), handle->bytes.size()) == 16;
            _exit(sent ? 0 : 1);
        }
    }
    std::set<std::array<std::uint8_t, 16>> values;
    for (int i = 0; i < children; ++i) {
        int status = 1;
        ASSERT_GT(wait(&status), 0);
        EXPECT_EQ(status, 0);
        std::array<std::uint8_t, 16> value{};
        ASSERT_EQ(read(pipe_ends[0], value.data(), value.size()), 16);
        values.insert(value);
    }
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    EXPECT_EQ(values.size(), static_cast<std::size_t>(children));
}

// ids: C01
TEST(Secret, compares_by_value_and_moves_leave_nothing_behind) {
    Secret secret(std::string_view("0123456789"));
    Secret copy = secret;
    EXPECT_TRUE(equal_constant_time(secret.bytes(), copy.bytes()));
    const Secret moved = std::move(secret);
    EXPECT_TRUE(equal_constant_time(moved.bytes(), copy.bytes()));
    copy.writable()[9] = 'x';
    EXPECT_FALSE(equal_constant_time(moved.bytes(), copy.bytes()));
    EXPECT_FALSE(equal_constant_time(moved.bytes(), moved.bytes().first(9)));
    copy = moved;
    EXPECT_TRUE(equal_constant_time(moved.bytes(), copy.bytes()));
}

}  // namespace
}  // namespace vedfolnir::crypto
