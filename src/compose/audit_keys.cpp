#include "compose/audit_keys.hpp"

#include "compose/files.hpp"
#include "compose/state_dir.hpp"
#include "config/text.hpp"
#include "model/bytes.hpp"
#include "model/hex.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace vedfolnir::compose {
namespace {

Result<crypto::SigningKey> signing_key(const std::string& path, const std::string& raw) {
    auto key = crypto::SigningKey::from_seed(model::as_bytes(raw));
    if (key) return std::move(*key);
    return Error{Errc::key_unavailable,
                 fmt::format("the audit key {} has {} bytes, it must have 32", path, raw.size())};
}

}  // namespace

Result<audit::SharedSealer> make_sealer(const KeyOptions& keys) {
    auto ring = crypto::KeyRing::open(keys);
    if (!ring) return std::move(ring).error();
    return std::make_shared<const audit::Sealer>(std::move(*ring),
                                                 std::make_shared<crypto::KernelRandom>());
}

std::string audit_key_path(const AuditOptions& options, const std::string& state_dir) {
    return options.key_file.empty() ? state_dir + "/" + audit_key_file : options.key_file;
}

Result<std::optional<crypto::SigningKey>> kept_audit_key(const std::string& path) {
    const auto raw = kept_secret(path);
    if (!raw) return raw.error();
    if (raw->empty()) return std::optional<crypto::SigningKey>();
    auto key = signing_key(path, *raw);
    if (!key) return std::move(key).error();
    return std::optional(std::move(*key));
}

Result<std::optional<crypto::SigningKey>> audit_key(const config::Settings& settings,
                                                    const std::string& state_dir) {
    const auto& options = settings.options;
    const auto path = audit_key_path(options.audit, state_dir);
    auto kept = kept_audit_key(path);
    if (!kept || *kept || !options.development || !options.audit.key_file.empty()) return kept;
    if (auto made = make_secret(path); !made) return std::move(made).error();
    return kept_audit_key(path);
}

Result<crypto::SigningKey> make_audit_key(const std::string& path) {
    std::error_code failed;
    if (std::filesystem::exists(path, failed)) {
        return Error{Errc::key_unavailable,
                     fmt::format("{} exists already; an audit key is never overwritten", path)};
    }
    auto raw = make_secret(path);
    if (!raw) return std::move(raw).error();
    return signing_key(path, *raw);
}

Result<crypto::VerifyKey> public_key_of(const std::string& path) {
    auto text = config::read_file(path);
    if (!text) return std::move(text).error();
    crypto::PublicKey bytes{};
    if (model::hex_decode(config::trimmed(*text), bytes)) return crypto::VerifyKey(bytes);
    return Error{Errc::key_unavailable,
                 fmt::format("{} is not a public audit key: 64 hexadecimal digits, as "
                             "vedfolnir keys audit prints them",
                             path)};
}

Result<std::vector<audit::SignedHead>> read_heads(const std::string& path, bool must_exist) {
    std::vector<audit::SignedHead> heads;
    std::error_code failed;
    if (!must_exist && !std::filesystem::exists(path, failed)) return heads;
    // A folder opens, and reads as if it were empty.
    std::ifstream file;
    if (std::filesystem::is_directory(path, failed))
        errno = EISDIR;
    else
        file.open(path);
    if (!file.is_open())
        return Error{Errc::bad_options, fmt::format("{}: {}", path, std::strerror(errno))};
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        if (config::trimmed(line).empty()) continue;
        auto head = audit::parse_head(line);
        if (!head) {
            return Error{Errc::bad_value, fmt::format("{}, line {}: this is no signed head: {}",
                                                      path, number, head.error().detail)};
        }
        heads.push_back(std::move(*head));
    }
    return heads;
}

Result<std::optional<audit::SignedHead>> last_head_of(const std::string& path) {
    constexpr std::streamoff line_max = 4096;
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) return std::optional<audit::SignedHead>();
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const auto size = static_cast<std::streamoff>(file.tellg());
    std::string end(static_cast<std::size_t>(std::clamp<std::streamoff>(size, 0, line_max)), '\0');
    file.seekg(-static_cast<std::streamoff>(end.size()), std::ios::end);
    file.read(end.data(), static_cast<std::streamsize>(end.size()));
    if (!file) return Error{Errc::bad_options, fmt::format("{}: {}", path, std::strerror(errno))};
    const auto text = config::trimmed(end);
    if (text.empty()) return std::optional<audit::SignedHead>();
    auto head = audit::parse_head(text.substr(text.rfind('\n') + 1));
    if (head) return std::optional(std::move(*head));
    return Error{Errc::bad_value,
                 fmt::format("{}: the last line is no signed head: {}", path, head.error().detail)};
}

Result<void> append_heads(const std::string& path, const std::vector<audit::SignedHead>& heads) {
    std::string text;
    for (const auto& head : heads) text += audit::head_text(head) + "\n";
    const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    const auto why = file < 0 ? std::string(std::strerror(errno)) : write_synced(file, text);
    if (file >= 0) ::close(file);
    if (why.empty()) return {};
    return Error{Errc::audit_unavailable,
                 fmt::format("the signed heads could not be copied to {}: {}; they are in the "
                             "database, the next copy makes up for it",
                             path, why)};
}

}  // namespace vedfolnir::compose
