#include "sql/sql_files.hpp"

#include "sql/failure.hpp"
#include "storage/sql_files.hpp"

#include <charconv>
#include <map>
#include <optional>

namespace vedfolnir::sql {
namespace {

std::optional<std::string_view> embedded(std::string_view path) {
    for (const auto& file : storage::files()) {
        if (file.path == path) return file.bytes;
    }
    return std::nullopt;
}

std::string without_comments(std::string_view text) {
    std::string code;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        if (!line.starts_with("--")) code.append(line).push_back('\n');
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    while (!code.empty() && (code.back() == '\n' || code.back() == ' ')) code.pop_back();
    return code;
}

/// FNV-1a: it has to notice an edited file, not an attacker (who would edit the stored checksum
/// too).
std::string checksum_of(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char byte : bytes) {
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text.push_back(digits[(hash >> shift) & 0x0fU]);
    return text;
}

Migration read_migration(std::string_view name, std::string_view bytes) {
    Migration migration;
    migration.name = name;
    migration.checksum = checksum_of(bytes);
    migration.statements = split_statements(bytes);
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), migration.version);
    if (parsed.ec != std::errc{} || migration.version <= 0) {
        throw Failure(Errc::internal,
                      "a migration's name must begin with its number: " + migration.name);
    }
    return migration;
}

}  // namespace

std::string query_text(std::string_view dialect, std::string_view name) {
    const auto file = std::string(name) + ".sql";
    if (auto own = embedded("queries/" + std::string(dialect) + "/" + file))
        return without_comments(*own);
    if (auto common = embedded("queries/" + file)) return without_comments(*common);
    throw Failure(Errc::internal, "there is no query " + file);
}

std::vector<std::string> split_statements(std::string_view script) {
    const auto code = without_comments(script);
    std::vector<std::string> statements;
    std::string_view rest = code;
    while (!rest.empty()) {
        auto end = rest.find(";\n");
        if (end == std::string_view::npos && rest.ends_with(';')) end = rest.size() - 1;
        const auto statement = rest.substr(0, end);
        const auto begin = statement.find_first_not_of(" \n");
        if (begin != std::string_view::npos) statements.emplace_back(statement.substr(begin));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return statements;
}

std::vector<Migration> migrations(std::string_view dialect) {
    constexpr std::string_view folder = "migrations/";
    const auto own_folder = std::string(folder) + std::string(dialect) + "/";
    std::map<std::string, std::string_view, std::less<>> chosen;
    for (const auto& file : storage::files()) {
        const bool own = file.path.starts_with(own_folder);
        if (!own && !file.path.starts_with(folder)) continue;
        auto name = file.path.substr(own ? own_folder.size() : folder.size());
        if (name.find('/') != std::string_view::npos) continue;  // another dialect's
        name.remove_suffix(std::string_view(".sql").size());
        if (own) {
            chosen.insert_or_assign(std::string(name), file.bytes);
        } else {
            chosen.try_emplace(std::string(name), file.bytes);
        }
    }
    std::vector<Migration> ordered;
    ordered.reserve(chosen.size());
    for (const auto& [name, bytes] : chosen) ordered.push_back(read_migration(name, bytes));
    for (std::size_t i = 1; i < ordered.size(); ++i) {
        if (ordered[i].version == ordered[i - 1].version) {
            throw Failure(Errc::internal, "two migrations have the number of " + ordered[i].name);
        }
    }
    return ordered;
}

}  // namespace vedfolnir::sql
