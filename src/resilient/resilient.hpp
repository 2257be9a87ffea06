// Resilient(hot, database): the hot store, and the database for as long as the hot store cannot (design section 7).
#pragma once

#include "resilient/admission.hpp"
#include "resilient/breaker.hpp"
#include "runtime/counters.hpp"
#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/async/fallback.hpp"
#include "vedfolnir/async/recovery.hpp"
#include "vedfolnir/async/restore.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/options.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::resilient {

/// The stores behind it. `hot`, `feed` and `target` are one store.
struct Parts {
    std::shared_ptr<async::SessionStore> hot;
    std::shared_ptr<async::ChangeFeed> feed;
    std::shared_ptr<async::RestoreTarget> target;
    std::shared_ptr<async::FallbackStore> database;
    std::shared_ptr<async::Archive> archive;  ///< Takes the audit events.
    /// Tells the other processes of this host that something is ahead, and hears once that one of them told it. Empty:
    /// they learn it from the database, within the poll interval.
    std::function<void()> say_ahead{};
    std::function<bool()> heard_ahead{};
};

struct Settings {
    FallbackOptions options;
    Lifetimes lifetimes;
    BreakerOptions breaker{};
    /// Errors that no caller waits for; may be empty.
    std::function<void(std::string_view what, const Error& error)> report{};
    bool keeps_copies = true;  ///< Of every session of a known user, in the database.
};

/// What a return did; the detail of the audit events `fallback.ended` and `fallback.reconciled`.
struct ReturnReport {
    std::uint64_t restored = 0;     ///< The hot store lacked it, or held something older.
    std::uint64_t unchanged = 0;    ///< The hot store held the same.
    std::uint64_t conflicting = 0;  ///< The hot store held something newer, which stays.
    std::uint64_t ended = 0;        ///< Ended or expired meanwhile.
    std::uint64_t erased = 0;       ///< Erased during the outage, now in the hot store as well.
    std::uint64_t rejected = 0;     ///< Its clock is not to be believed.
    std::uint64_t lost = 0;         ///< Two writers of one version: neither can be trusted.

    [[nodiscard]] std::uint64_t all() const noexcept {
        return restored + unchanged + conflicting + ended + erased + rejected + lost;
    }
    void add(const ReturnReport& other) noexcept;
    [[nodiscard]] std::string json() const;
};

/// One SessionStore on two. Calls go to the hot store while it answers in time. What it refuses or cannot answer goes to
/// the database, call by call at first, and without asking once a breaker is open: one for changes, one for all.
/// - A record that the database does not know is *unknown* (store_unavailable), never absent.
/// - Endings in SQL win over every record; a held ending reaches the hot store by its marks (`EndReply::held`).
/// - A hot store that restarted, failed over or was restored may hold what is older than its copy: each record is compared with its
///   copy before it is answered or replaced, until all were put back.
/// - While records are here that the hot store was not told ("ahead"), reads ask both, and the newer one counts.
/// - On return: marks are compared, then everything ahead is put back, then the breakers close.
/// Listeners of its change feed are told to forget what comes from the database, and may keep nothing meanwhile.
/// Thread safety: `tells` and `time_at` from any thread, everything else on the executor. Holds nothing that blocks.
class Resilient final : public async::SessionStore,
                        public async::ChangeFeed,
                        public async::Recovery,
                        public std::enable_shared_from_this<Resilient> {
public:
    /// `counters` may be null; it must outlive the store. Nothing runs before the first call.
    static std::shared_ptr<Resilient> make(boost::asio::any_io_executor executor, Parts parts,
                                           Settings settings, runtime::AtomicCounters* counters);

    [[nodiscard]] async::Task<async::CreateStatus> create(StoreKey key, std::string record,
                                                          Millis ttl, Deadline deadline) override;
    [[nodiscard]] async::Task<std::optional<std::string>> load(StoreKey key,
                                                               Deadline deadline) override;
    [[nodiscard]] async::Task<async::SaveReply> save(StoreKey key,
                                                     std::uint64_t expected_generation,
                                                     std::string record, Millis ttl,
                                                     Deadline deadline) override;
    [[nodiscard]] async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl,
                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                          Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReply> end(async::EndOrder order,
                                                   Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                                        Deadline deadline) override;
    /// While the hot store is away, as SQL knows it.
    [[nodiscard]] async::Task<async::AppliedEpoch> epoch_of(UserTag user,
                                                            Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> epochs_told(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> tell_epochs(std::vector<async::EpochPage> pages,
                                                Deadline deadline) override;
    [[nodiscard]] async::Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) override;
    /// Of the hot store; an Error while reads go to the database, which needs no comparison.
    [[nodiscard]] async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override;
    /// These three speak of the hot store; while reads go to the database there is nothing to ask it.
    [[nodiscard]] async::Task<bool> attest(Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> lost_nothing(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> same_server(Deadline deadline) override;
    [[nodiscard]] async::Task<TimePoint> now(Deadline deadline) override;
    [[nodiscard]] std::uint64_t connection_number() const noexcept override {
        return parts_.hot->connection_number();
    }

    void listen(std::weak_ptr<async::ChangeListener> listener) override;
    [[nodiscard]] bool tells() const noexcept override {
        return !disturbed_.load(std::memory_order_acquire) && parts_.feed->tells();
    }
    [[nodiscard]] std::optional<TimePoint> time_at(
        std::chrono::steady_clock::time_point steady) const noexcept override {
        return parts_.feed->time_at(steady);
    }

    void on_return(async::CompareMarks compare) override { compare_ = std::move(compare); }
    [[nodiscard]] bool reads_database() const noexcept override { return away(Need::read); }
    [[nodiscard]] async::Task<FallbackStatus> status(Deadline deadline) override;
    [[nodiscard]] async::Task<FallbackStatus> set_mode(FallbackMode mode, std::string actor,
                                                       Deadline deadline) override;

private:
    using Count = runtime::AtomicCounters::Count runtime::AtomicCounters::*;
    /// What a call asks of the hot store.
    enum class Need : std::uint8_t {
        read,
        change,  ///< Something new or changed.
        small    ///< What works without memory, too: touches and endings.
    };
    /// A call to the hot store under way.
    struct Attempt {
        Need need = Need::read;
        Deadline until;
        Steady began;

        /// It used up its time, instead of being told at once that there is no use in waiting.
        [[nodiscard]] bool waited() const noexcept {
            return std::chrono::steady_clock::now() >= until;
        }
    };

    Resilient(boost::asio::any_io_executor executor, Parts parts, Settings settings,
              runtime::AtomicCounters* counters);

    // resilient.cpp, reads.cpp, writes.cpp: where calls go
    [[nodiscard]] bool away(Need need) const noexcept;
    /// `patient`: the hot store may use up the deadline.
    [[nodiscard]] Attempt attempt(Need need, Deadline deadline, bool patient = false) const;
    /// Feeds the breakers with what became of a call.
    template <class T>
    void heard(const Attempt& of, const Result<T>& answer) {
        if (answer) return noticed(of, Outage::none);
        const Error error = answer.error();
        failed(of, error);
    }
    void failed(const Attempt& of, const Error& error);
    void noticed(const Attempt& of, Outage outage);
    [[nodiscard]] bool falls_back(const Error& error) const noexcept;
    [[nodiscard]] Error unknown_here() const;
    void count(Count which, std::uint64_t by = 1) const;
    void tell_changed(const StoreKey& key) const;
    [[nodiscard]] boost::asio::awaitable<std::optional<Bulkhead::Place>> admitted(
        Deadline deadline);
    void listen_to_host();

    [[nodiscard]] async::Task<async::FallbackRecord> ask(StoreKey key, Deadline deadline);
    [[nodiscard]] async::Task<async::FallbackRecord> ask_admitted(StoreKey key, Deadline deadline);
    [[nodiscard]] async::Task<std::optional<std::string>> load_away(StoreKey key,
                                                                    Deadline deadline);
    /// What the hot store's answer leaves open.
    struct Open {
        bool ahead = false;            ///< The database may hold what it was not told.
        bool doubted = false;          ///< It may be older than its copy.
        std::uint64_t connection = 0;  ///< The one it came over.
    };
    /// The hot store's answer, and whether it can be believed as it is.
    struct Seen {
        Result<std::optional<std::string>> hot;
        Open open;
    };
    [[nodiscard]] boost::asio::awaitable<Seen> see(StoreKey key, Deadline until);
    [[nodiscard]] async::Task<std::optional<std::string>> complete(StoreKey key,
                                                                   std::optional<std::string> hot,
                                                                   Open open, Deadline deadline);
    [[nodiscard]] bool is_current(const StoreKey& key) const;
    [[nodiscard]] boost::asio::awaitable<bool> may_be_older(StoreKey key, Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<bool> may_be_missing(Deadline deadline);
    /// `async::Vouch` of the hot store. `of`: empty once it is gone.
    [[nodiscard]] static async::Task<std::uint64_t> vouch(std::shared_ptr<Resilient> of,
                                                          StoreKey key, Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<void> look_at_copies(Deadline deadline, bool anew);
    void note_compared(const StoreKey& key, std::uint64_t connection);
    [[nodiscard]] async::Task<std::optional<std::string>> refill(StoreKey key,
                                                                 async::FallbackRecord kept,
                                                                 std::uint64_t connection,
                                                                 Deadline deadline);
    [[nodiscard]] async::Task<async::SaveReply> save_again(StoreKey key,
                                                           std::uint64_t expected_generation,
                                                           std::string record, Millis ttl,
                                                           Deadline deadline);
    [[nodiscard]] async::Task<async::SaveReply> save_behind(StoreKey key,
                                                            std::uint64_t expected_generation,
                                                            std::string record, Millis ttl,
                                                            async::SaveReply reply,
                                                            Deadline deadline);
    [[nodiscard]] async::Task<bool> is_ahead(StoreKey key, Deadline deadline);
    [[nodiscard]] async::Task<async::EndReply> end_away(async::EndOrder order, Deadline deadline);
    /// From now on reads ask the database as well, in all processes of this host.
    void note_ahead();
    /// The calls of the database in place of the hot store, within the bulkhead.
    template <class T, class Call>
    [[nodiscard]] async::Task<T> write_away(StoreKey key, Call call, Deadline deadline);
    [[nodiscard]] Millis life() const;

    // keeper.cpp: looking after the state
    [[nodiscard]] boost::asio::awaitable<void> start();
    [[nodiscard]] static boost::asio::awaitable<void> keep_watch(
        std::weak_ptr<Resilient> of, std::shared_ptr<boost::asio::steady_timer> timer);
    [[nodiscard]] boost::asio::awaitable<void> poll(Millis budget);
    [[nodiscard]] boost::asio::awaitable<void> probe();
    void probe_failed(const Error& why);
    [[nodiscard]] boost::asio::awaitable<void> come_back();
    [[nodiscard]] boost::asio::awaitable<bool> takes_changes();
    /// Marks, then records. False: not now; the reason was reported.
    [[nodiscard]] boost::asio::awaitable<bool> make_good(bool comparing, bool telling);
    [[nodiscard]] async::Task<FallbackStatus> seen_here(FallbackState state, Deadline deadline);
    void adopt(const FallbackState& state, Steady asked);
    /// Whether reads ask the database as well. A change that is on its way there may be committed before it is
    /// answered. Where the database did not answer the last poll, only what has an answer counts (`note_ahead` comes
    /// before it): whoever waits for one was promised nothing yet, and readers would wait in vain.
    [[nodiscard]] bool may_be_ahead() const noexcept {
        return ahead_ || (writing_ > 0 && !unanswered_);
    }
    /// Says in one place what follows from breakers, mode and `may_be_ahead`.
    void update();
    void tell_episode();
    void tell_return();
    /// The operators' line of an outage: as it begins, and every few minutes while it lasts.
    void say_outage(const Error& why);
    void wake();
    void report(std::string_view what, const Error& error) const;
    void note_event(std::string_view type, std::string detail);
    [[nodiscard]] boost::asio::awaitable<void> send_events();

    // reconcile.cpp
    [[nodiscard]] async::Task<ReturnReport> reconcile();
    struct Page {
        std::uint32_t settled = 0;
        ReturnReport report;
    };
    [[nodiscard]] async::Task<Page> reconcile_page(std::vector<async::AheadRow> rows);

    boost::asio::any_io_executor executor_;
    Parts parts_;
    Settings settings_;
    runtime::AtomicCounters* counters_;
    Breaker reads_;
    Breaker writes_;
    Outage writes_outage_ = Outage::none;  ///< Of the last failed change.
    Error failure_{};                      ///< What the hot store said when it last failed.
    Steady say_outage_at_{};               ///< Not before.
    std::shared_ptr<Bulkhead> bulkhead_;
    SingleFlight flights_;
    Unknowns unknowns_;
    std::weak_ptr<async::ChangeListener> listener_;
    async::CompareMarks compare_;

    FallbackState state_;  ///< As last polled.
    bool polled_ = false;
    bool compare_due_ = false;
    Steady compare_at_{};      ///< Not before.
    bool ahead_ = false;       ///< The database may hold what the hot store was not told.
    std::size_t writing_ = 0;  ///< Changes on their way to the database.
    Steady wrote_{};  ///< When something was last written ahead, as far as this process knows.
    /// How the server behind a connection stands to the copies in the database, as it was last asked.
    struct Copies {
        std::uint64_t connection = std::numeric_limits<std::uint64_t>::max();
        async::CopiesState state;
        Steady again{};               ///< Not asked before.
        std::set<StoreKey> compared;  ///< Records that are known to be no older. Bounded.
    } copies_;
    bool returning_ = false;
    Steady return_at_{};   ///< Not before, because the last return did not succeed.
    bool active_ = false;  ///< The database stands in, for reads or writes.
    bool told_ = false;    ///< ... for requests, so that the audit trail tells of an episode.
    ReturnReport episode_;
    std::atomic<bool> disturbed_{false};

    bool started_ = false;
    Steady next_poll_{};
    bool unanswered_ = false;  ///< The last poll was not; said once, until SQL answers again.
    bool events_wait_ = false;
    std::shared_ptr<boost::asio::steady_timer> timer_;
    std::deque<async::AuditEvent> events_;
};

}  // namespace vedfolnir::resilient
