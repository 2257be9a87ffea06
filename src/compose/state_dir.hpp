// The private folder of this installation, and the key that development generates in it.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <string>
#include <string_view>

namespace vedfolnir::compose {

/// Name of the generated key's file in the state folder.
inline constexpr const char* development_key_file = "development.key";

/// The folder as an absolute path; empty `configured`: ~/.local/state/vedfolnir of the user this process runs as.
/// Errors: bad_options when there is no home to put it into.
[[nodiscard]] Result<std::string> state_dir_of(const std::string& configured);

/// Creates the folder with mode 0700 where it is missing. `setting` names it in messages. Errors: bad_options with the
/// system's words.
[[nodiscard]] Result<void> make_private_dir(const std::string& directory,
                                            std::string_view setting = "VEDFOLNIR_STATE_DIR");

/// The raw bytes of a secret in a file of mode 0600; empty if there is no file.
/// Errors: key_unavailable when others may read it, or it is damaged.
[[nodiscard]] Result<std::string> kept_secret(const std::string& path);

/// Makes 32 random bytes and keeps them in `path`, unless somebody else just did: then theirs.
/// Errors: key_unavailable when it cannot be made, random_unavailable.
[[nodiscard]] Result<std::string> make_secret(const std::string& path);

/// The raw key in `directory`, made on first use. Several processes that start at once get the same one.
/// Errors: key_unavailable when the file is readable by others, damaged, or cannot be made.
[[nodiscard]] Result<std::string> development_key(const std::string& directory);

/// Fills in what options leave open: the state folder, and in development the key. Errors: as the two above; bad_options
/// where something that is no folder stands in the state folder's place.
[[nodiscard]] Result<void> complete(ManagerOptions& options);

}  // namespace vedfolnir::compose
