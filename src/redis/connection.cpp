#include "redis/connection.hpp"

#include "redis/deadlines.hpp"
#include "redis/greeting.hpp"
#include "redis/library.hpp"
#include "redis/tls.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/redis/connection.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>

namespace vedfolnir::redis {
namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using boost::redis::any_adapter;
using boost::redis::resp3::node_view;

namespace {

constexpr Millis pause_min{100};
constexpr Millis pause_max{1000};
/// Requests that may wait or be in flight at once, per process.
constexpr std::size_t requests_max = 4096;
/// Under load many replies lie ready: each read of the library takes at most this much.
constexpr std::size_t read_at_once{16'384};
/// No reply of ours comes near it: a longer one is no answer, and must not fill the memory.
constexpr std::size_t reply_max{64U << 20U};
/// How long HELLO may take beyond the connect timeout.
constexpr Millis greeting_allowance{500};
/// A connection on which nothing was answered for this long, although something was asked, is given up.
constexpr Millis silence_max{1000};

constexpr auto completion = asio::as_tuple(asio::use_awaitable);

void add_node(Reply& reply, const node_view& node, Stage stage) {
    if (node.data_type == boost::redis::resp3::type::simple_error ||
        node.data_type == boost::redis::resp3::type::blob_error) {
        reply = classify_reply(node.value, stage);
    } else if (reply.has_value()) {
        reply->push_back(
            {node.data_type, node.aggregate_size, node.depth, std::string(node.value)});
    }
}

/// Collects one Reply per command. An error reply becomes that Reply's error; it never closes the connection, as it
/// would with `ignore`. Small enough to be kept without an allocation.
class Collector {
public:
    Collector(std::vector<Reply>& replies, Stage stage) noexcept
        : replies_(&replies), stage_(stage) {}

    void operator()(any_adapter::parse_event event, const node_view& node, error_code& /*error*/) {
        switch (event) {
        case any_adapter::parse_event::init:
            // Comes again while the first bytes of a reply are still incomplete.
            if (!open_) replies_->emplace_back(std::vector<boost::redis::resp3::node>{});
            open_ = true;
            break;
        case any_adapter::parse_event::node:
            add_node(replies_->back(), node, stage_);
            break;
        case any_adapter::parse_event::done:
            open_ = false;
            break;
        }
    }

private:
    std::vector<Reply>* replies_;
    Stage stage_;
    bool open_ = false;
};

any_adapter collect(std::vector<Reply>& replies, Stage stage) {
    return any_adapter{Collector(replies, stage)};
}

/// Reads pushes while they are parsed, ahead of the replies behind them: an invalidation is known before any reply
/// that follows it. Told once a push is complete.
any_adapter read_pushes(std::shared_ptr<const ChangeHandler> handler) {
    return any_adapter{[handler = std::move(handler),
                        invalidates = false](any_adapter::parse_event event, const node_view& node,
                                             error_code&) mutable {
        if (event != any_adapter::parse_event::node) return;
        const bool scalar = !boost::redis::resp3::is_aggregate(node.data_type);
        if (node.depth == 0) invalidates = false;
        if (node.depth == 1 && scalar) {
            const bool null = node.data_type == boost::redis::resp3::type::null;
            if (invalidates && null) handler->changed_all();
            if (!null) invalidates = node.value == "invalidate";
        }
        if (node.depth == 2 && scalar && invalidates) handler->changed(node.value);
    }};
}

/// One physical connection. A new one is made for each attempt: nothing of a broken one is reused.
struct Link {
    Link(const asio::any_io_executor& executor, asio::ssl::context tls)
        : connection(executor, std::move(tls),
                     boost::redis::logger(boost::redis::logger::level::disabled)),
          deadlines(executor),
          changed(executor, Clock::time_point::max()) {}

    boost::redis::connection connection;
    Deadlines deadlines;
    asio::steady_timer changed;  ///< Cancelled when `greeted` or `over` becomes true.
    std::vector<Reply> greeting;
    bool greeted = false;
    bool over = false;  ///< async_run has returned.
    error_code why;
    std::size_t answered = 0;        ///< Replies received when the silence began.
    Clock::time_point silent_since;  ///< When the first request since the last reply was sent.

    /// A request is sent now: either the silence goes on, or one begins.
    void asked(Clock::time_point now) {
        const std::size_t received = connection.get_usage().responses_received;
        if (silent_since != Clock::time_point{} && received == answered) return;
        answered = received;
        silent_since = now;
    }
    /// Not one reply, to whichever request, for too long.
    [[nodiscard]] bool silent(Clock::time_point now) const {
        return connection.get_usage().responses_received == answered &&
               now - silent_since > silence_max;
    }
};

/// Counts who is inside.
class Counted {
public:
    explicit Counted(std::size_t& count) noexcept : count_(count) { ++count_; }
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    std::size_t& count_;
};

/// Pushes are read as they are parsed; their notices only have to be taken away, or the reader would stop for them.
asio::awaitable<void> discard_pushes(std::shared_ptr<Link> on) {
    while (!on->over) {
        const auto [error, size] = co_await on->connection.async_receive(completion);
        if (error) co_return;
        error_code none;
        do {
            on->connection.receive(none);
        } while (!none);
    }
}

boost::redis::config configuration(const RedisOptions& options) {
    boost::redis::config config;
    config.use_ssl = options.tls.has_value();
    config.addr = {options.host, std::to_string(options.port)};
    config.unix_socket = options.unix_socket;
    config.resolve_timeout = options.connect_timeout;
    config.connect_timeout = options.connect_timeout;
    config.ssl_handshake_timeout = options.connect_timeout;
    // Our own greeting tells refusals apart, our own loop reconnects and remembers why it must. The health check is
    // off because its PING is refused, and then closes the connection, in states where reads still work (MISCONF).
    config.read_buffer_append_size = read_at_once;
    config.max_read_size = reply_max;
    config.use_setup = true;
    config.setup.clear();
    config.reconnect_wait_interval = std::chrono::seconds::zero();
    config.health_check_interval = std::chrono::seconds::zero();
    return config;
}

}  // namespace

std::string address_of(const RedisOptions& options) {
    if (!options.unix_socket.empty()) return options.unix_socket;
    return options.host + ":" + std::to_string(options.port);
}

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
    throw std::runtime_error(to_error(failure).detail);
}

struct Connection::Impl : std::enable_shared_from_this<Impl> {
    enum class State : std::uint8_t { idle, connecting, up, down, closed };

    Impl(asio::any_io_executor executor_, RedisOptions options_, Purpose purpose_,
         runtime::AtomicCounters* counters_)
        : executor(std::move(executor_)),
          options(std::move(options_)),
          purpose(purpose_),
          counters(counters_),
          pause(executor),
          jitter(std::random_device{}()) {}

    asio::any_io_executor executor;
    RedisOptions options;
    Purpose purpose;
    runtime::AtomicCounters* counters;
    State state = State::idle;
    Failure reason;  ///< Why `down`.
    Server server;
    std::shared_ptr<Link> link;             ///< The present one, or the last.
    std::set<asio::steady_timer*> waiting;  ///< Requests that wait for a change of `state`.
    std::size_t requests = 0;
    std::atomic<std::uint64_t> number{0};  ///< Of the connection that stands, or stood last.
    asio::steady_timer pause;
    std::minstd_rand jitter;
    Clock::time_point recycled{};
    std::shared_ptr<const ChangeHandler> handler;
    std::atomic<bool> tracking{false};

    asio::awaitable<void> run();
    asio::awaitable<std::optional<Failure>> attempt();
    asio::awaitable<std::optional<Failure>> greet(std::shared_ptr<Link> fresh);
    asio::awaitable<std::optional<Failure>> require_library();
    asio::awaitable<void> start_tracking(std::shared_ptr<Link> on);
    void stop_tracking();
    asio::awaitable<std::optional<Failure>> until_up(Deadline deadline);
    /// `self` is held: the request may outlive the object that asked.
    asio::awaitable<boost::system::result<Exchange, Failure>> exec(std::shared_ptr<Impl> self,
                                                                   Pipeline pipeline,
                                                                   Deadline deadline);
    asio::awaitable<boost::system::result<Exchange, Failure>> send(
        std::shared_ptr<Link> on, const boost::redis::request& request, Deadline deadline,
        Stage stage);
    std::optional<Failure> start();
    void become(State next);
    void lose(const std::shared_ptr<Link>& lost);
    void recycle(const std::shared_ptr<Link>& stale);
    void close();
    void count(const boost::redis::request& request) const {
        if (counters)
            runtime::AtomicCounters::raise(counters->store_commands, request.get_commands());
    }
};

void Connection::Impl::become(State next) {
    if (state == State::closed) return;
    state = next;
    if (next != State::up) stop_tracking();
    for (asio::steady_timer* timer : waiting) timer->cancel();
}

/// The link broke. Requests wait for one attempt before they are told so.
void Connection::Impl::lose(const std::shared_ptr<Link>& lost) {
    if (lost == link && state == State::up) become(State::connecting);
    lost->connection.cancel();
}

/// A demoted primary keeps its connections. Connecting anew resolves the name again; at most once a second, because
/// its reads are still good.
void Connection::Impl::recycle(const std::shared_ptr<Link>& stale) {
    const auto now = Clock::now();
    if (now - recycled < pause_max) return;
    recycled = now;
    lose(stale);
}

void Connection::Impl::close() {
    become(State::closed);
    pause.cancel();
    if (link) link->connection.cancel();
}

std::optional<Failure> Connection::Impl::start() {
    if (options.tls && !options.unix_socket.empty()) {
        return Failure{FailureKind::bad_options, Stage::connect, "TLS over a Unix socket"};
    }
    become(State::connecting);
    asio::co_spawn(
        executor, [self = shared_from_this()] { return self->run(); },
        runtime::unattended("the connection to Redis"));
    return {};
}

/// Connects, waits for the end of the connection, and starts over, for as long as the object lives.
asio::awaitable<void> Connection::Impl::run() {
    Millis wait = pause_min;
    while (state != State::closed) {
        const auto started = Clock::now();
        if (auto failure = co_await attempt()) {
            reason = std::move(*failure);
            become(State::down);
        } else {
            // `attempt` returned because the link that stood has ended.
            become(State::connecting);
            if (Clock::now() - started > pause_max) {
                wait = pause_min;
                continue;
            }
            // A server that accepts and hangs up at once is no reason to hurry.
        }
        if (state == State::closed) co_return;
        std::uniform_int_distribution<long> spread(0, wait.count() / 2);
        pause.expires_after(wait / 2 + Millis(spread(jitter)));
        co_await pause.async_wait(completion);
        wait = std::min(wait * 2, pause_max);
    }
}

/// One connection from beginning to end. Empty if it stood; else what kept it from standing.
asio::awaitable<std::optional<Failure>> Connection::Impl::attempt() {
    auto evidence = std::make_shared<TlsEvidence>();
    asio::ssl::context tls{asio::ssl::context::tls_client};
    if (options.tls) {
        auto made = make_tls_context(*options.tls, options.host, evidence);
        if (!made) co_return made.error();
        tls = std::move(*made);
    }
    auto fresh = std::make_shared<Link>(executor, std::move(tls));
    link = fresh;
    if (handler) {
        auto pushes = read_pushes(handler);
        fresh->connection.set_receive_response(pushes);
        asio::co_spawn(executor, discard_pushes(fresh),
                       runtime::unattended("reading what Redis pushes"));
    }
    const auto hello = greeting_request(options);
    count(hello);
    // Queued before the connection opens, so that even an error the server sends at once answers it.
    fresh->connection.async_exec(hello, collect(fresh->greeting, Stage::auth),
                                 [fresh](error_code error, std::size_t) {
                                     // An error here is the connection's, and async_run tells it better.
                                     if (error) return;
                                     fresh->greeted = true;
                                     fresh->changed.cancel();
                                 });
    fresh->connection.async_run(configuration(options), [fresh](error_code error) {
        fresh->over = true;
        fresh->why = error;
        fresh->connection.cancel(boost::redis::operation::exec);
        fresh->connection.cancel(boost::redis::operation::receive);
        fresh->changed.cancel();
    });
    auto failure = co_await greet(fresh);
    if (!failure && purpose == Purpose::serve) failure = co_await require_library();
    if (failure && fresh->over && !fresh->greeted) {
        // A server that hangs up may have said why first (too many clients).
        const bool told = !fresh->greeting.empty() && !fresh->greeting.front();
        failure = told ? fresh->greeting.front().error()
                       : classify_connection(fresh->why, evidence->verify_error, Stage::auth);
        failure->detail = address_of(options) + ": " + failure->detail;
    }
    if (!failure && handler) co_await start_tracking(fresh);
    if (failure || state == State::closed) {
        fresh->connection.cancel();
    } else {
        ++number;
        become(State::up);
    }
    while (!fresh->over) co_await fresh->changed.async_wait(completion);
    co_return failure;
}

/// Waits for the greeting's replies and reads them.
asio::awaitable<std::optional<Failure>> Connection::Impl::greet(std::shared_ptr<Link> fresh) {
    // A little longer than the limits of resolving, connecting and the handshake, which know better what hangs.
    asio::steady_timer limit(executor, Clock::now() + options.connect_timeout + greeting_allowance);
    limit.async_wait([fresh](error_code error) {
        if (!error) fresh->changed.cancel();
    });
    if (!fresh->greeted && !fresh->over) co_await fresh->changed.async_wait(completion);
    limit.cancel();
    if (!fresh->greeted) {
        co_return Failure{FailureKind::no_answer, Stage::auth, "no answer to HELLO"};
    }
    auto read = read_greeting(fresh->greeting, options);
    if (!read) co_return read.error();
    server = std::move(*read);
    co_return std::nullopt;
}

/// Leaves a link whose library serves this program, or says why there is none.
asio::awaitable<std::optional<Failure>> Connection::Impl::require_library() {
    const auto on = link;
    const auto deadline = Clock::now() + options.connect_timeout;
    std::optional<Failure> refusal;
    for (const bool may_install : {options.install_functions, false}) {
        const auto ask = library_query();
        auto answer = co_await send(on, ask, deadline, Stage::functions);
        if (!answer) co_return answer.error();
        auto version = read_library_version(answer->replies.front());
        if (version && *version >= library_version) {
            server.library = *version;
            co_return std::nullopt;
        }
        if (!version && version.error().kind != FailureKind::not_installed)
            co_return version.error();
        if (!may_install) break;
        const auto load = library_load();
        auto loaded = co_await send(on, load, deadline, Stage::functions);
        if (!loaded) co_return loaded.error();
        // NOPERM is expected for a minimal user; another process may also have loaded it meanwhile.
        if (!loaded->replies.front()) refusal = loaded->replies.front().error();
    }
    co_return Failure{FailureKind::not_installed, Stage::functions, refusal ? refusal->detail : ""};
}

/// NOLOOP: our own writes are not told to us; functions end with a read, so that the key stays tracked. What may not
/// be tracked is served all the same, only never from a near cache.
asio::awaitable<void> Connection::Impl::start_tracking(std::shared_ptr<Link> on) {
    boost::redis::request request;
    request.push("CLIENT", "TRACKING", "ON", "NOLOOP");
    const auto deadline = Clock::now() + options.connect_timeout;
    const auto answer = co_await send(on, request, deadline, Stage::functions);
    handler->changed_all();
    tracking = answer && answer->replies.front() && !on->over;
}

void Connection::Impl::stop_tracking() {
    if (tracking.exchange(false)) handler->changed_all();
}

asio::awaitable<std::optional<Failure>> Connection::Impl::until_up(Deadline deadline) {
    if (state == State::idle) {
        if (auto failure = start()) co_return failure;
    }
    while (state == State::connecting) {
        if (Clock::now() >= deadline) {
            co_return Failure{FailureKind::no_answer, Stage::connect, "still connecting"};
        }
        asio::steady_timer timer(executor, deadline);
        waiting.insert(&timer);
        co_await timer.async_wait(completion);
        waiting.erase(&timer);
    }
    if (state == State::up) co_return std::nullopt;
    if (state == State::closed) {
        co_return Failure{FailureKind::closed, Stage::connect, "the store was closed"};
    }
    co_return reason;
}

asio::awaitable<boost::system::result<Exchange, Failure>> Connection::Impl::send(
    std::shared_ptr<Link> on, const boost::redis::request& request, Deadline deadline,
    Stage stage) {
    Exchange exchange;
    exchange.replies.reserve(request.get_expected_responses());
    exchange.sent = Clock::now();
    if (exchange.sent >= deadline) {
        co_return Failure{FailureKind::no_answer, Stage::connect, "no time was left"};
    }
    if (on->over) {
        // Its end is known here before `run` heard of it: a repetition has to wait for the next link.
        lose(on);
        co_return Failure{FailureKind::closed, stage, on->why.message()};
    }
    on->asked(exchange.sent);
    count(request);
    Deadlines::Watch watch(on->deadlines, deadline);
    auto [error, size] =
        co_await on->connection.async_exec(request, collect(exchange.replies, stage),
                                           asio::bind_cancellation_slot(watch.slot(), completion));
    exchange.answered = Clock::now();
    if (!error) co_return exchange;
    if (exchange.answered < deadline || on->over) {
        lose(on);
        co_return Failure{FailureKind::closed, stage,
                          on->over ? on->why.message() : error.message()};
    }
    // One late answer is that request's own affair; a long silence means that nobody is there.
    if (on->silent(exchange.answered)) lose(on);
    co_return Failure{FailureKind::no_answer, stage, ""};
}

asio::awaitable<boost::system::result<Exchange, Failure>> Connection::Impl::exec(
    std::shared_ptr<Impl> /*self*/, Pipeline pipeline, Deadline deadline) {
    const Counted counted(requests);
    if (requests > requests_max) co_return Failure{FailureKind::saturated, Stage::connect, ""};
    for (bool last = false;; last = true) {
        if (state != State::up) {
            if (auto failure = co_await until_up(deadline)) co_return *failure;
        }
        if (pipeline.only_over != 0 && pipeline.only_over != number)
            co_return Failure{FailureKind::closed, Stage::connect, "connected to anew"};
        const auto on = link;
        const auto limit = std::min(deadline, Clock::now() + options.request_timeout);
        auto exchange = co_await send(on, pipeline.request, limit, Stage::request);
        if (!exchange) {
            const bool lost = exchange.error().kind == FailureKind::closed;
            if (lost && pipeline.repeatable && !last) continue;
            co_return exchange;
        }
        const Reply& first = exchange->replies.front();
        if (first || last) co_return exchange;
        if (first.error().kind == FailureKind::read_only) recycle(on);
        if (first.error().kind != FailureKind::not_installed || purpose != Purpose::serve) {
            co_return exchange;
        }
        // The library vanished under a standing connection. Nothing ran, so anything may be repeated.
        if (auto failure = co_await require_library()) co_return *failure;
    }
}

Connection::Connection(asio::any_io_executor executor, RedisOptions options, Purpose purpose,
                       runtime::AtomicCounters* counters)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), purpose, counters)) {}

Connection::~Connection() {
    // A handler that never runs, because the loop has stopped, is destroyed with the loop.
    asio::post(impl_->executor, [impl = impl_] { impl->close(); });
}

asio::awaitable<boost::system::result<Exchange, Failure>> Connection::exec(Pipeline pipeline,
                                                                           Deadline deadline) {
    return impl_->exec(impl_, std::move(pipeline), deadline);
}

asio::awaitable<std::optional<Failure>> Connection::contact(Deadline deadline) {
    const auto impl = impl_;
    co_return co_await impl->until_up(deadline);
}

std::uint64_t Connection::number() const noexcept { return impl_->number; }
void Connection::watch(ChangeHandler handler) {
    impl_->handler = std::make_shared<const ChangeHandler>(std::move(handler));
}

bool Connection::tracking() const noexcept { return impl_->tracking; }

const std::string& Connection::incarnation() const noexcept { return impl_->server.incarnation; }
const Connection::Server& Connection::server() const noexcept { return impl_->server; }

}  // namespace vedfolnir::redis
