// Logins by a remember-me token: parallel requests that carry nothing else share one session.
#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "manager/meeting.hpp"
#include "web/set_cookie.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {
namespace {

namespace asio = boost::asio;

constexpr Millis first_pause{2};
constexpr Millis longest_pause{50};

}  // namespace

Task<RememberedOutcome> Core::async_login_remembered(ConstStatePtr state, RequestContext request,
                                                     std::string token, Deadline deadline) {
    auto plan = plan_of(*state, request.trace);
    if (!plan) co_return plan.error();
    // A session of its own (a cart, say) logs in with its own commit.
    if (state->loaded || plan->plan != policy::Plan::login) co_return RememberedOutcome{};
    const auto time = co_await now(deadline);
    if (!time) co_return time.error();
    const ManagerOptions& options = settings_.options;
    Meeting meeting(ports_.store, settings_.random, settings_.ring.meeting_place(plan->user, token),
                    options.request_budget + options.sql.statement_timeout);
    const Commit commit{std::move(state), std::move(request), std::move(*plan), *time, deadline};

    const Deadline patient_until = std::min(deadline, deadline_in(remembered_patience));
    Millis pause = first_pause;
    auto turn = co_await meeting.claim(store_deadline(deadline));
    while (turn && *turn != Meeting::Turn::mine) {
        const auto seen = co_await meeting.look(store_deadline(deadline));
        if (!seen) co_return seen.error();
        if (seen->turn == Meeting::Turn::absent) {
            turn = co_await meeting.claim(store_deadline(deadline));
        } else if (seen->turn == Meeting::Turn::shared) {
            const auto joined = co_await join(commit, seen->cookie_value);
            if (!joined) co_return joined.error();
            if (joined->session) co_return *joined;
            // Logged out, or logged in anew, since it was shared.
            turn = co_await meeting.take_over(store_deadline(deadline));
        } else {
            if (std::chrono::steady_clock::now() >= patient_until)
                co_return co_await log_in_alone(commit);
            asio::steady_timer timer(settings_.executor, pause);
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            pause = std::min(2 * pause, longest_pause);
        }
    }
    if (!turn) co_return turn.error();

    auto outcome = co_await log_in_alone(commit);
    const bool made = outcome && outcome->result.action == CommitAction::logged_in;
    Result<bool> told = false;
    if (made) {
        std::string cookie_value = outcome->session->cookie_value;
        told = co_await meeting.share(std::move(cookie_value), store_deadline(deadline));
    } else {
        told = co_await meeting.leave(store_deadline(deadline));
    }
    // The session stands whether the others hear of it or not.
    if (!told)
        settings_.report("a remembered login could not be shared",
                         traced(told.error(), commit.request.trace));
    co_return outcome;
}

/// The request's own login, and the session as it goes on afterwards.
Task<RememberedOutcome> Core::log_in_alone(const Commit& commit) {
    auto outcome = co_await commit_login(commit);
    if (!outcome) co_return outcome.error();
    RememberedOutcome answer{std::move(outcome->result), fresh_state()};
    answer.session->reason = LoadReason::ended;
    if (!outcome->loaded)
        co_return answer;  // Ended before it began: the request goes on without one.
    answer.session->reason = LoadReason::found;
    answer.session->cookie_value = std::move(outcome->cookie_value);
    answer.session->loaded = std::move(outcome->loaded);
    answer.session->base = std::move(outcome->entries);
    co_return answer;
}

/// The shared session with what this request wrote; none unless it is a live session of the same user.
Task<RememberedOutcome> Core::join(const Commit& commit, std::string cookie_value) {
    const auto id = model::SessionId::parse(cookie_value);
    if (!id || !settings_.ring.verify(*id)) co_return RememberedOutcome{};
    StatePtr fresh = fresh_state();
    fresh->cookie_value = std::move(cookie_value);
    fresh->trace = commit.request.trace;
    fresh->pending = crypto::store_key_of(*id);
    const auto loaded = co_await async_load(std::move(fresh), commit.deadline);
    if (!loaded) co_return loaded.error();
    SessionState& shared = **loaded;
    if (!shared.loaded || shared.loaded->user_id() != commit.plan.user)
        co_return RememberedOutcome{};
    const model::RecordHeader& header = shared.loaded->header;
    for (const auto& [name, bytes] : commit.plan.entries) {
        const auto present = shared.current().find(name);
        if (present != shared.current().end() && present->second == bytes) continue;
        if (std::ranges::find(identity_->keys, name) != identity_->keys.end()) continue;
        shared.written.insert(name);
        shared.edit()[name] = bytes;
    }
    RememberedOutcome answer;
    answer.result.action = CommitAction::joined;
    answer.result.set_cookie =
        web::set_cookie(cookie_options(commit, shared.current()), shared.cookie_value,
                        max_age_cap(header, commit.now));
    answer.session = *loaded;
    co_return answer;
}

}  // namespace vedfolnir::manager
