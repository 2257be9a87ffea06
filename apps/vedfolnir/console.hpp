// What the command prints: tables for people, JSON for programs, errors in words on stderr.
#pragma once

#include "exit_code.hpp"
#include "vedfolnir/error.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::cli {

enum class Colour { none, dim, green, yellow, red, bold };

/// Columns aligned by their widest cell; the last column is left ragged.
class Table {
public:
    explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
    /// Cells are made safe for a terminal.
    void add(std::vector<std::string> cells, Colour colour = Colour::none);
    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }

private:
    friend class Console;
    struct Row {
        std::vector<std::string> cells;
        Colour colour;
    };
    std::vector<std::string> header_;
    std::vector<Row> rows_;
};

class Console {
public:
    /// Colour only on a terminal, and not where NO_COLOR is set or TERM is dumb.
    Console();

    bool json = false;

    void print(std::string_view text, Colour colour = Colour::none) const;
    void print(const Table& table) const;
    void print(const boost::json::object& document) const;

    /// A warning or hint: stderr, so that stdout stays clean for programs.
    void warn(std::string_view text) const;
    /// Reports a failure and what to do next; with `--json` also as an object on stdout.
    ExitCode fail(ExitCode code, std::string_view name, std::string_view text,
                  std::string_view next = {}) const;
    ExitCode fail(const Error& error) const;
    /// The same, where this command knows better what to do next.
    ExitCode fail(const Error& error, std::string_view next) const;

    /// Both streams reached their readers so far.
    [[nodiscard]] bool flush() const;

private:
    [[nodiscard]] std::string painted(std::string_view text, Colour colour, bool on) const;
    bool colour_out_;
    bool colour_err_;
};

}  // namespace vedfolnir::cli
