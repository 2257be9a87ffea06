// What every SessionStore must do, written once. A new store is one factory line in a test file of its own:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, StoreSuite, testing::Values(StoreFactory{"mine", &make_mine}), store_name);
#pragma once

#include "model/record.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "vedfolnir/async/store.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::test {

/// A fresh, empty store and the loop it runs on.
class StoreUnderTest {
public:
    virtual ~StoreUnderTest() = default;
    virtual async::SessionStore& store() = 0;
    /// Lets a little of the store's time pass: steps an injected clock, or waits a moment.
    virtual void let_time_pass() = 0;

    runtime::Runtime& runtime() { return *runtime_; }

protected:
    /// Called by destructors of derived classes before they destroy what runs on the loop.
    void stop() { runtime_->stop(); }

private:
    std::unique_ptr<runtime::Runtime> runtime_ = std::make_unique<runtime::Runtime>();
};

struct StoreFactory {
    std::string name;
    std::function<std::unique_ptr<StoreUnderTest>()> make;
    /// Cases that do not hold for this store by design, each with the reason.
    std::map<std::string, std::string> excused{};
};

inline std::string store_name(const testing::TestParamInfo<StoreFactory>& info) {
    return info.param.name;
}

/// Fields of a record that tests care about.
struct Sample {
    StoreKey key;
    model::RecordHeader header;
    std::string body = "sealed bytes, opaque to the store";

    [[nodiscard]] std::string bytes() const { return model::pack_header(header) + body; }
    /// The next version of it: generation and operation move on.
    [[nodiscard]] Sample next(std::string new_body) const;
};

class StoreSuite : public testing::TestWithParam<StoreFactory> {
protected:
    static constexpr Millis minute{60'000};

    void SetUp() override {
        const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
        const auto excuse = GetParam().excused.find(name.substr(0, name.find('/')));
        if (excuse != GetParam().excused.end()) GTEST_SKIP() << excuse->second;
        subject_ = GetParam().make();
    }

    async::SessionStore& store() { return subject_->store(); }

    /// Runs to the end on the store's loop; fails the test on an Error.
    template <class T>
    T run(async::Task<T> task) {
        auto result = attempt(std::move(task));
        if (!result) {
            ADD_FAILURE() << result.error().detail;
            return T{};
        }
        return std::move(*result);
    }
    template <class T>
    Result<T> attempt(async::Task<T> task) {
        return runtime::run_sync(subject_->runtime(), std::move(task), soon());
    }
    [[nodiscard]] static Deadline soon() { return deadline_in(Millis{10'000}); }

    [[nodiscard]] Sample anonymous();
    [[nodiscard]] Sample of_user(const UserTag& user);
    [[nodiscard]] static UserTag some_user();

    async::CreateStatus create(const Sample& sample, Millis ttl = minute) {
        return run(store().create(sample.key, sample.bytes(), ttl, soon()));
    }
    async::SaveReply save(const Sample& sample, std::uint64_t expected, Millis ttl = minute) {
        return run(store().save(sample.key, expected, sample.bytes(), ttl, soon()));
    }
    std::optional<std::string> load(const Sample& sample) {
        return run(store().load(sample.key, soon()));
    }
    async::TouchStatus touch(const Sample& sample, Millis ttl = minute) {
        return run(store().touch(sample.key, ttl, soon()));
    }
    bool erase(const Sample& sample, const std::string& note = {}, Millis ttl = {}) {
        return run(store().erase(sample.key, note, ttl, soon()));
    }
    async::EndReply end(async::EndOrder order) {
        return run(store().end(std::move(order), soon()));
    }
    std::vector<async::IndexEntry> list(const UserTag& user) {
        return run(store().list_user(user, soon()));
    }
    TimePoint now() { return run(store().now(soon())); }

    /// Lets the store's time pass until `condition` holds; false if it never does.
    bool eventually(const std::function<bool()>& condition);

    /// An ending of `samples`, all of one shard, that does not concern the mark.
    [[nodiscard]] static async::EndOrder ending(const std::vector<Sample>& samples);

private:
    std::unique_ptr<StoreUnderTest> subject_;
};

/// The body a store holds, and the time it was last seen.
[[nodiscard]] std::string body_of(const std::optional<std::string>& record);
[[nodiscard]] TimePoint last_seen_of(const std::optional<std::string>& record);

}  // namespace vedfolnir::test
