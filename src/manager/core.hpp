// The session manager as coroutines: policy, sealing and the two stores, in the order that makes endings final.
//
// Everything here runs on the runtime's thread. Each operation ends by its deadline. Coroutine parameters are values.
#pragma once

#include "manager/announced.hpp"
#include "manager/deny_set.hpp"
#include "manager/ports.hpp"
#include "manager/seldom.hpp"
#include "manager/session_state.hpp"
#include "policy/commit_plan.hpp"
#include "vedfolnir/session_manager.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::manager {

template <class T>
using Task = async::Task<T>;

using StatePtr = std::shared_ptr<SessionState>;
/// A commit reads the request's state and never writes it: a caller whose deadline passed may go on using it.
using ConstStatePtr = std::shared_ptr<const SessionState>;

/// What a commit did, and the session as it stands afterwards.
struct CommitOutcome {
    CommitResult result;
    std::optional<Loaded> loaded;
    SharedEntries entries = no_entries();
    std::string cookie_value;  ///< Of a session this commit created; empty otherwise.
};

/// What a login by a remember-me token did, and the session that the request goes on in (null: its own, unchanged).
struct RememberedOutcome {
    CommitResult result;
    StatePtr session;
};

struct EndCommand {
    std::string name;  ///< Handle or cookie value.
    EndReason reason = EndReason::ended_by_operator;
    std::string actor;
    std::string owner;  ///< When set: only a session of this user.
    TraceId trace{};
};

struct EndUserCommand {
    std::string user_id;
    std::optional<Handle> keep;
    EndReason reason = EndReason::ended_by_operator;
    std::string actor;
    TraceId trace{};
};

struct EndUserOutcome {
    Ending ending = Ending::absent;
    std::uint32_t count = 0;
};

/// How long one request waits for another's login by the same token before it makes a session of its own: better two
/// than none.
inline constexpr Millis remembered_patience{3'000};

class Core : public std::enable_shared_from_this<Core> {
public:
    Core(CoreSettings settings, Ports ports);
    /// Begins to look at SQL and the journal from time to time. Once; any thread.
    void start();

    /// What can be said of a request without asking a store: no cookie of ours, or one the near cache answers. Else
    /// `pending` is set, and `async_load` asks. Any thread.
    [[nodiscard]] StatePtr begin_load(const RequestContext& request);
    /// True if a commit would write nothing. Any thread.
    [[nodiscard]] bool nothing_to_commit(const SessionState& state,
                                         const RequestContext& request) const;

    [[nodiscard]] Task<StatePtr> async_load(StatePtr state, Deadline deadline);
    [[nodiscard]] Task<std::optional<StatePtr>> async_load_named(std::string name,
                                                                 Deadline deadline);
    [[nodiscard]] Task<CommitOutcome> async_commit(ConstStatePtr state, RequestContext request,
                                                   Deadline deadline);
    /// Nothing is done for a state that is loaded or logs nobody in.
    [[nodiscard]] Task<RememberedOutcome> async_login_remembered(ConstStatePtr state,
                                                                 RequestContext request,
                                                                 std::string token,
                                                                 Deadline deadline);
    [[nodiscard]] Task<bool> async_touch_named(std::string name, Deadline deadline);

    [[nodiscard]] Task<Ending> async_end(EndCommand command, Deadline deadline);
    [[nodiscard]] Task<EndUserOutcome> async_end_user(EndUserCommand command, Deadline deadline);

    /// What an ending of many may take, however many there are.
    static constexpr Millis mass_ending_budget{600'000};
    [[nodiscard]] Task<ScopeCount> async_count_scope(EndScope scope, Deadline deadline);
    [[nodiscard]] Task<MassEndingResult> async_end_scope(EndScope scope, EndReason reason,
                                                         std::string actor, Deadline deadline);

    /// Closes what expired, in batches, until nothing is left or the deadline comes. How many.
    [[nodiscard]] Task<std::uint64_t> async_close_expired(Deadline deadline);

    [[nodiscard]] Task<std::vector<SessionInfo>> async_list(ListQuery query, Deadline deadline);
    [[nodiscard]] Task<std::optional<Inspection>> async_inspect(Handle handle, std::string actor,
                                                                Deadline deadline);
    [[nodiscard]] Task<std::vector<AuditEntry>> async_audit(AuditFilter filter, Deadline deadline);
    [[nodiscard]] Task<bool> async_ping(Deadline deadline);
    [[nodiscard]] Task<bool> async_try_sql(Deadline deadline);
    [[nodiscard]] Task<StoreInfo> async_store_info(Deadline deadline);
    /// Errors also: unsupported (there is no fallback).
    [[nodiscard]] Task<FallbackStatus> async_fallback_status(Deadline deadline);
    [[nodiscard]] Task<FallbackStatus> async_set_fallback(FallbackMode mode, std::string actor,
                                                          Deadline deadline);
    /// For the store behind `Ports::recovery`: marks are compared now, whatever was compared before. True: the hot store
    /// took everything it had missed.
    [[nodiscard]] Task<bool> compare_marks(Deadline deadline);

private:
    /// Times and budget of one commit, fixed when it starts.
    struct Commit {
        ConstStatePtr state;
        RequestContext request;
        policy::CommitPlan plan;
        TimePoint now;
        Deadline deadline;
    };
    struct Name {
        StoreKey key;
        std::string user_id;
        std::optional<Handle> handle{};  ///< Where it is known: for an archive that lost the row.
    };

    // core.cpp: loading
    struct LoadAnswer {
        std::optional<std::string> bytes;
        bool trusted =
            false;  ///< Compared with SQL, of SQL itself, or of a Redis that lost nothing.
    };
    [[nodiscard]] Task<LoadAnswer> load_compared(StoreKey key, const SessionState& asking,
                                                 Deadline deadline);
    [[nodiscard]] Task<bool> know_epoch(std::optional<std::string> bytes, TimePoint now,
                                        Deadline deadline);
    LoadReason judge_record(SessionState& state, const StoreKey& key, const std::string& bytes,
                            TimePoint now) const;
    LoadReason judge_opened(SessionState& state, const StoreKey& key, const OpenRecord& opened,
                            TimePoint now) const;
    [[nodiscard]] std::optional<OpenRecord> open(const StoreKey& key,
                                                 const std::string& bytes) const;
    /// What was just written needs not be opened again by its next reader.
    void keep_opened(const Loaded& written, const SharedEntries& entries) const;
    /// True, and `state` filled, if the near cache holds a live record.
    [[nodiscard]] bool load_near(SessionState& state, const StoreKey& key) const;
    [[nodiscard]] std::optional<StoreKey> read_cookie(const RequestContext& request,
                                                      SessionState& state);
    void note_ambiguous(const RequestContext& request);
    void say_foreign_cookie() const;
    void note_unreadable(const StoreKey& key, const std::string& bytes, TimePoint now,
                         const TraceId& trace);
    [[nodiscard]] Task<std::optional<Name>> resolve(std::string name, std::string owner,
                                                    Deadline deadline);
    [[nodiscard]] Task<bool> owns(std::string owner, StoreKey key, Deadline deadline);
    [[nodiscard]] StatePtr fresh_state() const;

    // listing.cpp
    void describe_record(SessionInfo& info, const StoreKey& key,
                         const std::optional<std::string>& bytes, TimePoint now);

    // commit.cpp
    [[nodiscard]] Result<policy::CommitPlan> plan_of(const SessionState& state,
                                                     const TraceId& trace);
    [[nodiscard]] Task<CommitOutcome> commit_nothing(Commit commit);
    [[nodiscard]] Task<CommitOutcome> commit_create(Commit commit);
    [[nodiscard]] Task<CommitOutcome> commit_save(Commit commit);
    [[nodiscard]] Task<CommitOutcome> commit_end(Commit commit);
    [[nodiscard]] Task<bool> record_audited_changes(const Commit& commit, OperationId operation);
    [[nodiscard]] CommitOutcome dropped(const Commit& commit);
    [[nodiscard]] Task<CommitOutcome> commit_gone(const Commit& commit);
    void resend_cookie(const Commit& commit, CommitOutcome& outcome) const;
    /// The options of the cookie, with the lifetime the request asks for if a session of `entries` is to have one.
    [[nodiscard]] CookieOptions cookie_options(const Commit& commit,
                                               const model::Entries& entries) const;
    [[nodiscard]] std::optional<Seconds> max_age_cap(const model::RecordHeader& header,
                                                     TimePoint now) const;

    // login.cpp
    [[nodiscard]] Task<CommitOutcome> commit_login(Commit commit);
    [[nodiscard]] Task<std::optional<CommitOutcome>> try_login(const Commit& commit,
                                                               bool first_try);
    [[nodiscard]] async::LoginOrder login_order(const Commit& commit, const StoreKey& key,
                                                Handle handle, OperationId operation,
                                                bool replaces) const;
    [[nodiscard]] std::optional<async::Snapshot> copy_of(const StoreKey& key,
                                                         const std::string& record,
                                                         Millis ttl) const;
    [[nodiscard]] std::optional<CommitOutcome> login_after_end(const Commit& commit);
    [[nodiscard]] Task<bool> leave_note(StoreKey key, const Commit& commit);
    [[nodiscard]] Task<std::uint32_t> end_replaced(async::EndOrder order, const Commit& commit);

    // remembered.cpp
    [[nodiscard]] Task<RememberedOutcome> log_in_alone(const Commit& commit);
    [[nodiscard]] Task<RememberedOutcome> join(const Commit& commit, std::string cookie_value);

    // ending.cpp
    [[nodiscard]] Task<Ending> end_undocumented(async::EndRequest request, async::EndOrder order,
                                                Deadline deadline);
    [[nodiscard]] Task<EndUserOutcome> end_user_undocumented(async::EndRequest request,
                                                             std::uint64_t hot_epoch,
                                                             Deadline deadline);
    [[nodiscard]] Task<Ending> end_session(Name name, EndReason reason, std::string actor,
                                           Deadline deadline, TraceId trace = {});
    [[nodiscard]] boost::asio::awaitable<TimePoint> ending_time(Deadline deadline);
    [[nodiscard]] TimePoint denied_until(TimePoint time) const;
    [[nodiscard]] boost::asio::awaitable<void> remove_ended(StoreKey key, UserTag user,
                                                            Deadline deadline);
    [[nodiscard]] Task<std::uint32_t> apply(std::vector<async::EndOrder> orders, Deadline deadline);
    /// In the order of sequences within each shard. False: something was not taken, and is tried again later.
    [[nodiscard]] boost::asio::awaitable<bool> apply_everywhere(std::vector<async::EndOrder> orders,
                                                                Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<bool> apply_shard(std::vector<async::EndOrder> orders,
                                                           Deadline deadline);
    [[nodiscard]] Task<std::uint32_t> apply_one(async::EndOrder order, Deadline deadline);

    // marks.cpp: what the hot store has applied, compared with SQL
    /// Up to which sequence a shard was replayed, and whether the hot store took all of it; what it did not take is
    /// denied here.
    struct Replayed {
        std::uint64_t mark = 0;
        bool taken = true;
    };
    [[nodiscard]] Task<Replayed> replay(std::uint8_t shard, std::uint64_t mark, Deadline deadline);
    /// Every shard whose mark is behind, many of them at the same time. True: the hot store took all of it.
    [[nodiscard]] Task<bool> catch_up_all(std::vector<std::uint64_t> marks,
                                          std::vector<std::uint64_t> sequences, Deadline deadline);
    /// True: the hot store took all of it.
    [[nodiscard]] Task<bool> catch_up(std::uint8_t shard, std::uint64_t mark,
                                      std::uint64_t sequence, Deadline deadline);
    [[nodiscard]] Task<bool> raise_sequences(std::vector<std::uint64_t> marks, TimePoint now,
                                             Deadline deadline);
    void deny_revoked(const async::Revocation& revocation);
    /// What one server applied of each shard's endings, and the connection over which it said so.
    struct Marks {
        std::uint64_t connection = 0;
        std::vector<std::uint64_t> marks;
    };
    [[nodiscard]] Task<Marks> read_marks(Deadline deadline);
    [[nodiscard]] Task<bool> synchronise(Marks of, Deadline deadline);
    /// True while both stores are those whose marks and sequences were compared. Any thread.
    [[nodiscard]] bool compared() const noexcept;
    /// Compares marks with SQL before the first answer over each connection (R5); later calls return at once.
    [[nodiscard]] boost::asio::awaitable<void> ready(Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<void> judge_store(Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<void> attest_store();
    [[nodiscard]] bool trusts(std::uint8_t shard) const;
    /// What was known of the store as it was asked about a shard.
    struct Asked {
        std::uint8_t shard = 0;
        std::uint64_t connection = 0;
        bool trusted = false;
        bool database = false;
    };
    [[nodiscard]] Asked ask_about(std::uint8_t shard) const;
    /// The answer came over a connection made meanwhile, or before a comparison that is over now: what it shows may have been
    /// ended long ago, what it lacks may have been told since. Worth a second question.
    [[nodiscard]] bool is_outdated(const Asked& asked) const;
    [[nodiscard]] bool believes(const Asked& asked) const;
    /// True while no read is answered by the hot store.
    [[nodiscard]] bool database_answers() const noexcept;

    // deferral.cpp: while SQL cannot be asked
    struct Granted {
        async::LoginGrant grant;
        bool deferred = false;  ///< By the journal.
    };
    [[nodiscard]] boost::asio::awaitable<bool> asks_archive(Deadline deadline);
    [[nodiscard]] bool defers(const Error& error);
    [[nodiscard]] Task<bool> write_down(std::vector<async::Deferred> entries, Deadline deadline);
    void note_waiting();
    [[nodiscard]] Task<std::uint64_t> known_epoch(UserTag user, Deadline deadline);
    [[nodiscard]] Task<Granted> grant_login(async::LoginOrder order, Deadline deadline);
    [[nodiscard]] Task<bool> confirm_login(async::LoginConfirmed confirmed,
                                           std::optional<async::Snapshot> copy, bool deferred,
                                           Deadline deadline);
    [[nodiscard]] Task<bool> change_platform(async::PlatformChange change, Deadline deadline);
    /// SQL does not get all the time there is: what it does not take has to be written down after it.
    [[nodiscard]] Deadline archive_deadline(Deadline deadline) const;
    /// Rows of whoever is named by `query`; where SQL was away a moment ago, an Error at once.
    [[nodiscard]] Task<std::vector<async::SessionRow>> ask_rows(async::SessionQuery query,
                                                                Deadline deadline);
    [[nodiscard]] Task<async::EndReceipt> end_in_archive(async::EndRequest request,
                                                         Deadline deadline);
    [[nodiscard]] Task<bool> take_news(Deadline deadline);
    void heed(const async::Deferred& entry, TimePoint time);
    [[nodiscard]] bool start_replay();
    [[nodiscard]] boost::asio::awaitable<bool> outlasts_journal(bool began, Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<void> replay_journal(Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<bool> replay_turn(Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<std::uint64_t> replay_entries(
        std::vector<async::Deferred> entries, Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<void> note_replayed(std::uint64_t entries,
                                                             OperationId file);
    [[nodiscard]] Task<bool> refuse_entry(async::Deferred entry, Error why);
    [[nodiscard]] boost::asio::awaitable<void> apply_replayed(async::ReplayReceipt receipt,
                                                              Deadline deadline);

    // epochs.cpp: what a hot store that lost data must know of all users
    [[nodiscard]] Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<void> begin_telling();
    [[nodiscard]] boost::asio::awaitable<void> go_on_telling();
    void tell_later();
    enum class Told : std::uint8_t { all, more, by_another };
    [[nodiscard]] Task<Told> tell_some(Deadline deadline);
    [[nodiscard]] Task<Told> tell_next(Deadline deadline);
    [[nodiscard]] Task<Told> tell_from(std::uint8_t shard, std::vector<bool> told,
                                       Deadline deadline);

    // watch.cpp: what others ended
    [[nodiscard]] boost::asio::awaitable<void> watch();
    /// False: not all that others ended is known here.
    [[nodiscard]] boost::asio::awaitable<bool> poll();
    /// Refuses whom announced endings name, before the first answer.
    [[nodiscard]] Task<bool> know_emergencies(Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<void> look_at_emergencies();
    [[nodiscard]] boost::asio::awaitable<void> take_over(async::Emergency emergency);
    [[nodiscard]] Task<MassEndingResult> write_emergency(async::Emergency emergency, TimePoint time,
                                                         Deadline deadline);
    [[nodiscard]] Task<bool> learn(std::uint8_t shard);
    [[nodiscard]] boost::asio::awaitable<void> note_failed_poll(Error why);

    // late_endings.cpp: what the hot store did not take, tried again
    struct Late {
        async::EndOrder order;
        std::optional<Handle> login;  ///< Set: only if SQL does not confirm this login (any more).
        std::optional<async::Snapshot> copy;  ///< Of that login.
        Deadline until;
    };
    void apply_later(async::EndOrder order);
    /// A login whose record stands, while SQL could not say whether it counts.
    void confirm_later(Handle handle, StoreKey key, UserTag user,
                       std::optional<async::Snapshot> copy);
    void add_late(Late late);
    [[nodiscard]] boost::asio::awaitable<void> apply_late();
    [[nodiscard]] Task<std::uint32_t> try_late(const Late& late);

    // audit_queue.cpp: events that belong to no transaction
    void note_event(async::AuditEvent event);
    void gauge_events();
    void forget_events(std::size_t count);
    [[nodiscard]] Task<bool> write_down_events(std::size_t count);
    [[nodiscard]] boost::asio::awaitable<void> drain_events();
    [[nodiscard]] async::AuditEvent event_of(std::string type, TimePoint now,
                                             std::optional<Handle> handle, std::string user_id,
                                             std::string actor) const;

    [[nodiscard]] Deadline store_deadline(Deadline deadline) const;
    [[nodiscard]] Task<TimePoint> now(Deadline deadline);

    static constexpr auto not_compared = std::numeric_limits<std::uint64_t>::max();

    CoreSettings settings_;
    Ports ports_;
    std::shared_ptr<const IdentityOptions> identity_;
    DenySet denied_;
    MinimumEpochs epochs_;
    Announced announced_;
    bool writing_emergency_ = false;  ///< One that another process left unwritten.
    /// The connection whose marks were compared with SQL. Read by any thread.
    std::atomic<std::uint64_t> compared_{not_compared};
    std::atomic<std::uint64_t> compared_opening_{not_compared};  ///< Of the archive, at that time.
    /// The connection that `whole_` speaks of: shards of which the store lost nothing since they were compared.
    std::uint64_t judged_ = not_compared;
    std::vector<bool> whole_;
    std::uint64_t told_ =
        not_compared;  ///< The connection whose store was seen to know all epochs.
    bool telling_ = false;
    std::uint8_t tell_from_ = 0;  ///< The shard to begin with.
    Deadline look_again_{};       ///< Not before, over the connection of `told_`.
    Deadline tell_again_{};       ///< Not before, because it failed, or another process does it.
    Deadline next_synchronisation_{};  ///< Not before, because the last comparison failed.
    std::shared_ptr<boost::asio::steady_timer> synchronising_;
    std::deque<Late> late_;
    bool applying_late_ = false;
    std::deque<async::AuditEvent> events_;
    bool draining_ = false;
    /// Not before, because SQL did not answer. Zero: it did, the last time.
    Deadline ask_archive_at_{};
    bool journal_read_ = false;
    bool replaying_ = false;
    std::size_t replay_batch_ = 25;    ///< Of the journal, for whose entries SQL has time at once.
    std::vector<std::uint64_t> seen_;  ///< Sequences up to which endings are known here.
    int failed_polls_ = 0;             ///< In a row.
    static constexpr std::chrono::minutes key_trouble_again{5};
    mutable Seldom foreign_cookie_{key_trouble_again};
    Seldom untold_{key_trouble_again};
    Seldom unreadable_{key_trouble_again};
};

}  // namespace vedfolnir::manager
