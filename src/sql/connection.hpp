// One connection, spoken to by query name. The only class that talks to SOCI's statements.
#pragma once

#include "runtime/counters.hpp"
#include "sql/dialect.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vedfolnir::sql {

/// A value for `:name` in a query. A parameter keeps its kind (integer or text) in every call;
/// empty is NULL.
struct Param {
    std::string_view name;
    std::variant<std::optional<std::int64_t>, std::optional<std::string>> value;

    Param(std::string_view name_, std::int64_t number)
        : name(name_), value(std::optional(number)) {}
    Param(std::string_view name_, std::string text)
        : name(name_), value(std::optional(std::move(text))) {}
    Param(std::string_view name_, std::optional<std::string> text)
        : name(name_), value(std::move(text)) {}
};
using Params = std::vector<Param>;

/// One row of an answer: every column as text, as each engine can give it; empty is NULL.
class Row {
public:
    explicit Row(std::vector<std::optional<std::string>> cells) : cells_(std::move(cells)) {}

    [[nodiscard]] const std::optional<std::string>& cell(std::size_t column) const {
        return cells_.at(column);
    }
    /// NULL reads as "".
    [[nodiscard]] std::string text(std::size_t column) const {
        return cells_.at(column).value_or(std::string());
    }
    /// Throws Failure (internal) if the column is NULL or no integer.
    [[nodiscard]] std::int64_t integer(std::size_t column) const;

private:
    std::vector<std::optional<std::string>> cells_;
};
using Rows = std::vector<Row>;
using RowVisitor = std::function<void(const Row&)>;

/// Statements are prepared once for each connection. Every statement sent, transaction control and
/// settings included, raises `sql_statements`. Functions throw Failure or what SOCI throws.
/// Thread safety: one thread at a time.
class Connection {
public:
    Connection(Dialect& dialect, Role role, const Limit& limit, runtime::AtomicCounters* counters);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Rows of the query `name`, which has `columns` columns.
    [[nodiscard]] Rows query(std::string_view name, std::size_t columns, Params params = {});
    /// The same, one row after the other; what the visitor throws ends it.
    void each(std::string_view name, std::size_t columns, const Params& params,
              const RowVisitor& visit);
    /// As `query`, and the rows stay locked until the transaction ends. For write transactions.
    [[nodiscard]] Rows query_locked(std::string_view name, std::size_t columns, Params params = {});
    /// True where writers take turns: nothing that a transaction read can change before its commit.
    [[nodiscard]] bool alone() const noexcept;
    /// Runs a query without an answer; how many rows it changed.
    std::uint64_t execute(std::string_view name, Params params = {});
    /// Runs one statement of a migration, or a setting; its first column of its first row, if it
    /// answers.
    std::optional<std::string> statement(std::string_view text, std::size_t columns = 0);

    /// A transaction that ends by `limit`, see `bound`.
    void begin(Role role, const Limit& limit);
    /// Not under the limit any more.
    void commit();
    /// Ends a transaction if one is open. False if it could not be ended: close the connection.
    [[nodiscard]] bool rollback() noexcept;

    [[nodiscard]] bool in_transaction() const;

    /// Whether statements raise the counter from here on: a poll belongs to no request.
    void count_statements(bool counted) noexcept;

    /// See Dialect::bound.
    void bound(const Limit* limit);
    [[nodiscard]] Diagnosis diagnose(const std::exception& failure) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vedfolnir::sql
