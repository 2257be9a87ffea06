// The key that signs the audit trail's heads, where it is kept, and the files that heads are copied to.
#pragma once

#include "audit/head.hpp"
#include "audit/personal.hpp"
#include "config/settings.hpp"
#include "crypto/signature.hpp"

#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::compose {

inline constexpr const char* audit_key_file = "audit.key";

/// Seals what the audit trail says of persons. Errors: bad_options, key_unavailable.
[[nodiscard]] Result<audit::SharedSealer> make_sealer(const KeyOptions& keys);

/// Where the private key is kept.
[[nodiscard]] std::string audit_key_path(const AuditOptions& options, const std::string& state_dir);
/// The key in that file. Empty if there is none. Errors: key_unavailable.
[[nodiscard]] Result<std::optional<crypto::SigningKey>> kept_audit_key(const std::string& path);
/// The configured key. Empty if there is none; development makes one. Errors: key_unavailable.
[[nodiscard]] Result<std::optional<crypto::SigningKey>> audit_key(const config::Settings& settings,
                                                                  const std::string& state_dir);
/// Makes the private key. Errors: key_unavailable, also where there is one already.
[[nodiscard]] Result<crypto::SigningKey> make_audit_key(const std::string& path);
/// A public key as 64 hexadecimal digits in a file. Errors: key_unavailable.
[[nodiscard]] Result<crypto::VerifyKey> public_key_of(const std::string& path);

/// Heads as lines of a file; empty if `must_exist` is false and there is no file. Errors: bad_value, with the line; bad_options.
[[nodiscard]] Result<std::vector<audit::SignedHead>> read_heads(const std::string& path,
                                                                bool must_exist);
/// The last line of such a file; empty if there is no file, or nothing in it. Errors: bad_value, bad_options.
[[nodiscard]] Result<std::optional<audit::SignedHead>> last_head_of(const std::string& path);
/// Appends and syncs. Errors: audit_unavailable, with the system's words.
[[nodiscard]] Result<void> append_heads(const std::string& path,
                                        const std::vector<audit::SignedHead>& heads);

}  // namespace vedfolnir::compose
