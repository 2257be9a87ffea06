#include "console.hpp"

#include "model/visible.hpp"
#include "ops/json_text.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace vedfolnir::cli {
namespace {

bool may_colour(int descriptor) {
    if (::isatty(descriptor) == 0) return false;
    const char* refused = std::getenv("NO_COLOR");
    if (refused != nullptr && *refused != '\0') return false;
    const char* terminal = std::getenv("TERM");
    return terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::string_view escape(Colour colour) noexcept {
    switch (colour) {
    case Colour::dim:
        return "\x1b[2m";
    case Colour::green:
        return "\x1b[32m";
    case Colour::yellow:
        return "\x1b[33m";
    case Colour::red:
        return "\x1b[31m";
    case Colour::bold:
        return "\x1b[1m";
    case Colour::none:
        break;
    }
    return "";
}

std::string_view code_name(Errc code) noexcept {
    switch (code) {
    case Errc::store_unavailable:
        return "store_unavailable";
    case Errc::deadline_exceeded:
        return "deadline_exceeded";
    case Errc::audit_unavailable:
        return "audit_unavailable";
    case Errc::bad_options:
        return "bad_options";
    case Errc::bad_value:
        return "bad_value";
    case Errc::too_large:
        return "too_large";
    case Errc::read_only:
        return "read_only";
    case Errc::conflict:
        return "conflict";
    case Errc::denied:
        return "denied";
    case Errc::random_unavailable:
        return "random_unavailable";
    case Errc::key_unavailable:
        return "key_unavailable";
    case Errc::not_installed:
        return "not_installed";
    case Errc::unsupported:
        return "unsupported";
    case Errc::internal:
        return "internal";
    }
    return "internal";
}

std::string_view next_step(Errc code) noexcept {
    switch (code) {
    case Errc::store_unavailable:
    case Errc::deadline_exceeded:
    case Errc::audit_unavailable:
        return "vedfolnir doctor says what is wrong and what to do";
    case Errc::not_installed:
        return "run vedfolnir redis install as a Redis user that may load functions";
    case Errc::bad_options:
        return "vedfolnir config validate checks all settings, vedfolnir doctor Redis and SQL, too";
    case Errc::key_unavailable:
        return "vedfolnir doctor checks the keys";
    default:
        return "";
    }
}

std::string padded(const std::string& cell, std::size_t width) {
    const auto have = columns(cell);
    return have >= width ? cell : cell + std::string(width - have, ' ');
}

std::string joined(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool last = i + 1 == cells.size();
        line += last ? cells[i] : padded(cells[i], widths[i]) + "  ";
    }
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

}  // namespace

void Table::add(std::vector<std::string> cells, Colour colour) {
    for (auto& cell : cells) cell = cell.empty() ? "-" : model::visible(cell);
    rows_.push_back({std::move(cells), colour});
}

Console::Console()
    : colour_out_(may_colour(STDOUT_FILENO)), colour_err_(may_colour(STDERR_FILENO)) {}

std::string Console::painted(std::string_view text, Colour colour, bool on) const {
    if (!on || colour == Colour::none) return std::string(text);
    return fmt::format("{}{}\x1b[0m", escape(colour), text);
}

void Console::print(std::string_view text, Colour colour) const {
    fmt::print(stdout, "{}\n", painted(text, colour, colour_out_));
}

void Console::print(const Table& table) const {
    std::vector<std::size_t> widths;
    widths.reserve(table.header_.size());
    for (const auto& title : table.header_) widths.push_back(columns(title));
    for (const auto& row : table.rows_) {
        for (std::size_t i = 0; i < row.cells.size(); ++i)
            widths[i] = std::max(widths[i], columns(row.cells[i]));
    }
    if (!std::all_of(table.header_.begin(), table.header_.end(),
                     [](const auto& title) { return title.empty(); })) {
        print(joined(table.header_, widths), Colour::bold);
    }
    for (const auto& row : table.rows_) print(joined(row.cells, widths), row.colour);
}

void Console::print(const boost::json::object& document) const {
    fmt::print(stdout, "{}\n", ops::json_text(document));
}

void Console::warn(std::string_view text) const {
    fmt::print(stderr, "{} {}\n", painted("warning:", Colour::yellow, colour_err_),
               model::visible(text));
}

ExitCode Console::fail(ExitCode code, std::string_view name, std::string_view text,
                       std::string_view next) const {
    std::size_t start = 0;
    while (start <= text.size()) {
        const auto end = std::min(text.find('\n', start), text.size());
        fmt::print(stderr, "{} {}\n", painted("error:", Colour::red, colour_err_),
                   model::visible(text.substr(start, end - start)));
        start = end + 1;
    }
    if (!next.empty()) fmt::print(stderr, "next: {}\n", next);
    if (json) {
        print(boost::json::object{
            {"error", boost::json::object{{"code", name}, {"message", text}, {"next", next}}}});
    }
    return code;
}

ExitCode Console::fail(const Error& error) const { return fail(error, next_step(error.code)); }

ExitCode Console::fail(const Error& error, std::string_view next) const {
    const auto& text = error.detail.empty() ? error.public_message : error.detail;
    return fail(exit_code_of(error.code), code_name(error.code), text, next);
}

bool Console::flush() const { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

}  // namespace vedfolnir::cli
