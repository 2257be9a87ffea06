// vedfolnir keys generate | audit
#include "config/keys.hpp"

#include "commands/commands.hpp"
#include "compose/audit_keys.hpp"
#include "compose/state_dir.hpp"
#include "crypto/random.hpp"
#include "model/hex.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace vedfolnir::cli {
namespace {

struct Arguments {
    bool hex = false;
    bool env = false;
    bool ring = false;
    std::string output;
};

constexpr std::size_t key_size = 32;

Result<std::string> fresh_key() {
    std::array<std::uint8_t, key_size> raw{};
    crypto::KernelRandom random;
    if (auto filled = random.fill(raw); !filled) return std::move(filled).error();
    return std::string(raw.begin(), raw.end());
}

std::string as_hex(const std::string& raw) {
    std::string text;
    for (const char c : raw) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text;
}

Result<std::string> document(const Arguments& arguments) {
    auto raw = fresh_key();
    if (!raw) return raw;
    const auto text = arguments.hex ? as_hex(*raw) : config::encode_secret(*raw);
    if (arguments.env) return "VEDFOLNIR_KEY=" + text;
    if (!arguments.ring) return text;
    auto index = fresh_key();
    if (!index) return index;
    return fmt::format("write = 1\nindex_secret = \"{}\"\n\n[[keys]]\nid = 1\nsecret = \"{}\"",
                       arguments.hex ? as_hex(*index) : config::encode_secret(*index), text);
}

// Never over something that is there: an overwritten key is every session lost.
ExitCode write_new(const Context& context, const std::string& path, const std::string& text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return context.console.fail(
            ExitCode::failed, "not_written", fmt::format("{}: {}", path, std::strerror(errno)),
            errno == EEXIST ? "name another file; an existing key is never overwritten" : "");
    }
    const auto written = ::write(file, text.data(), text.size());
    const bool synced = ::fsync(file) == 0;
    ::close(file);
    if (written != static_cast<ssize_t>(text.size()) || !synced) {
        ::unlink(path.c_str());
        return context.console.fail(ExitCode::failed, "not_written",
                                    fmt::format("{}: {}", path, std::strerror(errno)));
    }
    if (context.console.json) {
        context.console.print(boost::json::object{{"file", path}});
    } else {
        context.console.print(fmt::format("Wrote {} (mode 0600).", path));
    }
    return ExitCode::ok;
}

ExitCode generate(const Context& context, const Arguments& arguments) {
    auto text = document(arguments);
    if (!text) return context.console.fail(text.error());
    if (!arguments.output.empty()) return write_new(context, arguments.output, *text + "\n");
    if (context.console.json) {
        context.console.print(boost::json::object{{"key", *text}});
    } else {
        context.console.print(*text);
    }
    return ExitCode::ok;
}

ExitCode audit_key(const Context& context, bool make) {
    ExitCode code{};
    const auto settings = context.valid_settings(code, KeyRing::not_needed);
    if (!settings) return code;
    const auto state_dir = compose::state_dir_of(settings->options.state_dir);
    if (!state_dir) return context.console.fail(state_dir.error());
    const auto path = compose::audit_key_path(settings->options.audit, *state_dir);
    if (make && settings->options.audit.key_file.empty()) {
        if (auto folder = compose::make_private_dir(*state_dir); !folder)
            return context.console.fail(folder.error());
    }
    if (make) {
        if (auto made = compose::make_audit_key(path); !made)
            return context.console.fail(made.error(),
                                        "vedfolnir keys audit prints its public half");
    }
    const auto key = compose::audit_key(*settings, *state_dir);
    if (!key) return context.console.fail(key.error());
    if (!*key) {
        return context.console.fail(ExitCode::failed, "not_found",
                                    fmt::format("there is no audit key in {}", path),
                                    "vedfolnir keys audit --generate makes one");
    }
    const auto verify = (*key)->verify_key();
    const auto text = model::hex_encode(verify.bytes());
    if (context.console.json) {
        context.console.print(boost::json::object{{"file", path},
                                                  {"key", verify.id()},
                                                  {"public_key", text},
                                                  {"public_key_pem", verify.pem()}});
    } else {
        context.console.print(text);
    }
    return ExitCode::ok;
}

}  // namespace

void add_keys(CLI::App& app, Chosen& chosen) {
    auto* keys = app.add_subcommand("keys", "Keys that seal sessions");
    keys->require_subcommand(1);
    auto arguments = std::make_shared<Arguments>();
    auto* command = keys->add_subcommand(
        "generate", "Print a fresh random key (the one output that is a secret)");
    command->add_flag("--hex", arguments->hex, "Hexadecimal digits instead of base64");
    auto* env = command->add_flag("--env", arguments->env, "As a line for an env file");
    command->add_flag("--ring", arguments->ring, "As a key ring for VEDFOLNIR_KEYS_FILE")
        ->excludes(env);
    command->add_option("--output", arguments->output, "Write to a new file of mode 0600 instead")
        ->type_name("FILE");
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) { return generate(context, *arguments); };
    });
    auto* audit = keys->add_subcommand(
        "audit", "Print the public half of the key that signs the audit trail's heads");
    auto make = std::make_shared<bool>(false);
    audit->add_flag("--generate", *make, "Make the key first");
    audit->callback([&chosen, make] {
        chosen.action = [make](Context& context) { return audit_key(context, *make); };
    });
}

}  // namespace vedfolnir::cli
