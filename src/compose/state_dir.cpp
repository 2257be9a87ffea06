#include "compose/state_dir.hpp"

#include "compose/operator_log.hpp"
#include "config/keys.hpp"
#include "config/settings.hpp"
#include "config/text.hpp"
#include "crypto/random.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <pwd.h>
#include <span>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace vedfolnir::compose {
namespace {

Error no_key(const std::string& path, std::string_view why) {
    return {Errc::key_unavailable, fmt::format("the key {}: {}", path, why)};
}

std::string home_of_user() {
    if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') return home;
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    const int failed = ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
    if (failed != 0 || found == nullptr || found->pw_dir == nullptr) return {};
    return found->pw_dir;
}

/// Closes on scope exit.
struct File {
    int descriptor = -1;
    explicit File(int opened) : descriptor(opened) {}
    ~File() {
        if (descriptor >= 0) ::close(descriptor);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
};

// The key's text, or empty when there is no file yet.
Result<std::string> read_key(const std::string& path) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.descriptor < 0) {
        if (errno == ENOENT) return std::string();
        return no_key(path, std::strerror(errno));
    }
    struct stat status {};
    if (::fstat(file.descriptor, &status) != 0) return no_key(path, std::strerror(errno));
    if (status.st_uid != ::geteuid()) return no_key(path, "it belongs to another user");
    if ((status.st_mode & 077) != 0)
        return no_key(path, fmt::format("others may read it; chmod 600 {}", path));
    std::array<char, 256> buffer{};
    const auto size = ::read(file.descriptor, buffer.data(), buffer.size());
    if (size < 0) return no_key(path, std::strerror(errno));
    return std::string(config::trimmed({buffer.data(), static_cast<std::size_t>(size)}));
}

Result<std::string> fresh_key_text() {
    std::array<std::uint8_t, 32> raw{};
    crypto::KernelRandom random;
    if (auto filled = random.fill(raw); !filled) return std::move(filled).error();
    return config::encode_secret({reinterpret_cast<const char*>(raw.data()), raw.size()});
}

// Written beside its place and linked into it: who comes second finds the first one's key, never half of one.
Result<void> write_key(const std::string& path, const std::string& text) {
    std::string draft = path + ".XXXXXX";
    {
        // Mode 0600 and a name of its own, also for threads that start at once.
        const File file(::mkostemp(draft.data(), O_CLOEXEC));
        if (file.descriptor < 0) return no_key(draft, std::strerror(errno));
        const auto line = text + "\n";
        const auto written = ::write(file.descriptor, line.data(), line.size());
        if (written != static_cast<ssize_t>(line.size()) || ::fsync(file.descriptor) != 0) {
            ::unlink(draft.c_str());
            return no_key(draft, std::strerror(errno));
        }
    }
    const int linked = ::link(draft.c_str(), path.c_str());
    const int why = errno;
    ::unlink(draft.c_str());
    if (linked != 0 && why != EEXIST) return no_key(path, std::strerror(why));
    return {};
}

}  // namespace

Result<std::string> state_dir_of(const std::string& configured) {
    std::string directory = configured;
    if (directory.empty()) {
        const auto home = home_of_user();
        if (home.empty())
            return Error{Errc::bad_options,
                         "VEDFOLNIR_STATE_DIR: there is no home folder; name one"};
        directory = home + "/.local/state/vedfolnir";
    }
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(directory, failed);
    if (failed)
        return Error{Errc::bad_options, fmt::format("VEDFOLNIR_STATE_DIR: {}", failed.message())};
    return absolute.lexically_normal().string();
}

Result<void> make_private_dir(const std::string& directory, std::string_view setting) {
    std::filesystem::path path(directory);
    if (!path.has_filename()) path = path.parent_path();  // a slash at the end
    std::error_code failed;
    if (std::filesystem::is_directory(path, failed)) return {};
    failed.clear();
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), failed);
    if (!failed && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        failed = std::error_code(errno, std::generic_category());
    }
    if (!failed) return {};
    // It may well be there: who may not enter the folder above it cannot know.
    if (failed == std::errc::permission_denied) {
        return Error{
            Errc::bad_options,
            fmt::format(
                "{}: {} is not for uid {} ({}): act as the application's user, or give that "
                "folder to this one",
                setting, directory, ::getuid(), failed.message())};
    }
    return Error{Errc::bad_options,
                 fmt::format("{}: cannot create {}: {}", setting, directory, failed.message())};
}

Result<std::string> kept_secret(const std::string& path) {
    auto text = read_key(path);
    if (!text || text->empty()) return text;
    auto raw = config::decode_secret(*text);
    if (!raw || raw->size() < 32)
        return no_key(path, "it is damaged; restore it, or remove it and make a new one");
    return raw;
}

Result<std::string> make_secret(const std::string& path) {
    auto fresh = fresh_key_text();
    if (!fresh) return fresh;
    if (auto written = write_key(path, *fresh); !written) return std::move(written).error();
    return kept_secret(path);
}

Result<std::string> development_key(const std::string& directory) {
    if (auto made = make_private_dir(directory); !made) return std::move(made).error();
    const auto path = directory + "/" + development_key_file;
    auto key = kept_secret(path);
    if (!key || !key->empty()) return key;
    key = make_secret(path);
    if (key)
        log_line(fmt::format(
            "DEVELOPMENT: made a key and keep it in {}; production needs VEDFOLNIR_KEY", path));
    return key;
}

Result<void> complete(ManagerOptions& options) {
    auto directory = state_dir_of(options.state_dir);
    if (!directory) return std::move(directory).error();
    options.state_dir = std::move(*directory);
    std::error_code failed;
    const auto there = std::filesystem::status(options.state_dir, failed);
    if (std::filesystem::exists(there) && !std::filesystem::is_directory(there))
        return Error{Errc::bad_options,
                     fmt::format("VEDFOLNIR_STATE_DIR: {} is not a folder; name another place",
                                 options.state_dir)};
    if (!options.keys.keys.empty() || !options.development) return {};
    auto key = development_key(options.state_dir);
    if (!key) return std::move(key).error();
    options.keys.keys.push_back({1, std::move(*key)});
    return {};
}

}  // namespace vedfolnir::compose
