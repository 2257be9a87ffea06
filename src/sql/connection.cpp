#include "sql/connection.hpp"

#include "sql/failure.hpp"
#include "sql/sql_files.hpp"

#include <soci/soci.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace vedfolnir::sql {
namespace {

/// SOCI binds addresses: the buffers live as long as the prepared statement and are refilled for
/// each execution.
struct Input {
    std::string name;
    bool is_number = false;
    long long number = 0;
    std::string text;
    soci::indicator state = soci::i_ok;

    void assign(const Param& param) {
        const auto* as_number = std::get_if<std::optional<std::int64_t>>(&param.value);
        if (is_number != (as_number != nullptr)) {
            throw Failure(Errc::internal,
                          "a query was called with a parameter of another type than before: " +
                              name);
        }
        if (as_number != nullptr) {
            state = as_number->has_value() ? soci::i_ok : soci::i_null;
            number = as_number->value_or(0);
            return;
        }
        const auto& as_text = std::get<std::optional<std::string>>(param.value);
        state = as_text ? soci::i_ok : soci::i_null;
        text = as_text.value_or(std::string());
    }
};

/// Mostly at `guess`; callers may name them in any order.
const Param& named(const std::string& name, const Params& params, std::size_t guess) {
    if (params[guess].name == name) return params[guess];
    const auto found = std::ranges::find(params, name, &Param::name);
    if (found == params.end())
        throw Failure(Errc::internal, "a query was called without its parameter " + name);
    return *found;
}

struct Output {
    std::string text;
    soci::indicator state = soci::i_ok;
};

class Prepared {
public:
    enum class Use : std::uint8_t { once, often };

    Prepared(soci::session& db, const std::string& text, const Params& params, std::size_t columns,
             Use use)
        : inputs_(params.size()), outputs_(columns), statement_(db) {
        for (std::size_t i = 0; i < params.size(); ++i) {
            auto& input = inputs_[i];
            input.name = params[i].name;
            input.is_number = std::holds_alternative<std::optional<std::int64_t>>(params[i].value);
            if (input.is_number) {
                statement_.exchange(soci::use(input.number, input.state, input.name));
            } else {
                statement_.exchange(soci::use(input.text, input.state, input.name));
            }
        }
        for (auto& output : outputs_) statement_.exchange(soci::into(output.text, output.state));
        statement_.alloc();
        // PostgreSQL: sent as it is, so that it may be several statements in one exchange.
        statement_.prepare(text, use == Use::once ? soci::details::st_one_time_query
                                                  : soci::details::st_repeatable_query);
        statement_.define_and_bind();
    }

    Rows run(const Params& params) {
        Rows rows;
        run(params, [&](Row row) { rows.push_back(std::move(row)); });
        return rows;
    }

    /// Reads the answer to its end, unless `visit` throws: a statement left half read would keep its snapshot open.
    template <class Visit>
    void run(const Params& params, const Visit& visit) {
        if (params.size() != inputs_.size()) {
            throw Failure(Errc::internal,
                          "a query was called with another number of parameters than before");
        }
        for (std::size_t i = 0; i < params.size(); ++i)
            inputs_[i].assign(named(inputs_[i].name, params, i));
        if (outputs_.empty()) {
            statement_.execute(true);
            return;
        }
        statement_.execute(false);
        while (statement_.fetch()) {
            std::vector<std::optional<std::string>> cells;
            cells.reserve(outputs_.size());
            for (const auto& output : outputs_) {
                cells.push_back(output.state == soci::i_null ? std::nullopt
                                                             : std::optional(output.text));
            }
            visit(Row(std::move(cells)));
        }
    }

    [[nodiscard]] std::uint64_t affected() {
        return static_cast<std::uint64_t>(std::max(statement_.get_affected_rows(), 0LL));
    }

private:
    std::vector<Input> inputs_;
    std::vector<Output> outputs_;
    soci::statement statement_;
};

}  // namespace

struct Connection::Impl {
    Dialect& dialect;
    runtime::AtomicCounters* counters;
    std::unique_ptr<soci::session> db;
    const Limit* limit = nullptr;
    std::map<std::string, std::unique_ptr<Prepared>, std::less<>> prepared;
    bool counted = true;

    Prepared& prepare(std::string_view name, std::string_view ending, const Params& params,
                      std::size_t columns) {
        auto key = std::string(name) + std::string(ending);
        const auto found = prepared.find(key);
        if (found != prepared.end()) return *found->second;
        const auto text = query_text(dialect.name(), name) + std::string(ending);
        auto made = std::make_unique<Prepared>(*db, text, params, columns, Prepared::Use::often);
        return *prepared.emplace(std::move(key), std::move(made)).first->second;
    }

    void count() const noexcept {
        if (counted && counters != nullptr)
            runtime::AtomicCounters::raise(counters->sql_statements);
    }

    template <class Work>
    auto run(std::string_view name, std::string_view ending, const Params& params,
             std::size_t columns, const Work& work) {
        const auto watched = dialect.watch(*db, limit);
        auto& statement = prepare(name, ending, params, columns);
        count();
        try {
            return work(statement);
        } catch (...) {
            // What a failed statement still holds (a cursor, half an answer) must not meet its next
            // use.
            prepared.erase(prepared.find(std::string(name) + std::string(ending)));
            throw;
        }
    }
};

std::int64_t Row::integer(std::size_t column) const {
    const auto& text = cells_.at(column);
    std::int64_t value = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) {
        throw Failure(Errc::internal,
                      "the database answered no number in column " + std::to_string(column));
    }
    return value;
}

Connection::Connection(Dialect& dialect, Role role, const Limit& limit,
                       runtime::AtomicCounters* counters)
    : impl_(std::make_unique<Impl>(Impl{dialect, counters, dialect.connect(), nullptr, {}})) {
    bound(&limit);
    try {
        dialect.greet(*this, role);
    } catch (const std::exception& failure) {
        throw Failure(
            diagnose(failure).error);  // afterwards the connection that can tell why is gone
    }
}

Connection::~Connection() {
    // A server is told goodbye, statement by statement.
    const Limit goodbye(deadline_in(Millis{0}));
    const auto watched = impl_->dialect.watch(*impl_->db, &goodbye);
    impl_->prepared.clear();
}

Rows Connection::query(std::string_view name, std::size_t columns, Params params) {
    return impl_->run(name, {}, params, columns,
                      [&](Prepared& statement) { return statement.run(params); });
}

void Connection::each(std::string_view name, std::size_t columns, const Params& params,
                      const RowVisitor& visit) {
    impl_->run(name, {}, params, columns,
               [&](Prepared& statement) { statement.run(params, visit); });
}

Rows Connection::query_locked(std::string_view name, std::size_t columns, Params params) {
    return impl_->run(name, impl_->dialect.row_lock(), params, columns,
                      [&](Prepared& statement) { return statement.run(params); });
}

bool Connection::alone() const noexcept { return impl_->dialect.row_lock().empty(); }

std::uint64_t Connection::execute(std::string_view name, Params params) {
    return impl_->run(name, {}, params, 0, [&](Prepared& statement) {
        statement.run(params);
        return statement.affected();
    });
}

std::optional<std::string> Connection::statement(std::string_view text, std::size_t columns) {
    const auto watched = impl_->dialect.watch(*impl_->db, impl_->limit);
    impl_->count();
    Prepared once(*impl_->db, std::string(text), {}, columns, Prepared::Use::once);
    const auto rows = once.run({});
    return rows.empty() ? std::nullopt : rows.front().cell(0);
}

void Connection::begin(Role role, const Limit& limit) {
    bound(&limit);
    for (const auto& text : impl_->dialect.begin(role, limit)) statement(text);
}

void Connection::commit() {
    bound(nullptr);  // once begun, it is waited for
    statement("COMMIT");
}

bool Connection::rollback() noexcept {
    try {
        bound(nullptr);
        if (impl_->dialect.in_transaction(*impl_->db)) statement("ROLLBACK");
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

bool Connection::in_transaction() const { return impl_->dialect.in_transaction(*impl_->db); }

void Connection::count_statements(bool counted) noexcept { impl_->counted = counted; }

void Connection::bound(const Limit* limit) {
    impl_->limit = limit;
    impl_->dialect.bound(*impl_->db, limit);
}

Diagnosis Connection::diagnose(const std::exception& failure) const {
    return impl_->dialect.diagnose(failure, impl_->db.get());
}

}  // namespace vedfolnir::sql
