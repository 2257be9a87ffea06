#include "config/apply.hpp"
#include "config/redis_url.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::config {
namespace {

constexpr std::size_t prefix_size_max = 128;

// What the URL states about one variable, in the spelling of that variable.
struct FromUrl {
    std::string_view variable;
    std::optional<std::string> text;
};

std::string normal(std::string_view variable, const std::string& text) {
    if (variable == "REDIS_HOST") return lower(text);
    if (variable == "REDIS_SSL") return parse_boolean(text).value_or(false) ? "true" : "false";
    if (const auto number = parse_integer(text); number && variable != "REDIS_PASSWORD")
        return fmt::format("{}", *number);
    return text;
}

// The two ways of saying one thing. Said with equal strength and different values they contradict each other.
std::optional<std::string> reconcile(Resolving& to, Source url_source, const FromUrl& url) {
    const auto* said = to.layers.said(url.variable);
    if (!url.text) return said == nullptr ? std::nullopt : std::optional(said->text);
    const auto stated = normal(url.variable, *url.text);
    if (said != nullptr && normal(url.variable, said->text) != stated) {
        if (said->source == url_source) {
            const bool show =
                find_known(url.variable) != nullptr && !find_known(url.variable)->secret;
            to.report.error(fmt::format(
                "REDIS_URL and {} contradict each other{}; remove one of them", url.variable,
                show ? fmt::format(" ('{}' and '{}')", stated, said->text) : ""));
            return stated;
        }
        const bool url_wins = url_source < said->source;
        to.report.warn(
            fmt::format("{} and {} differ; {} wins because it was said in a stronger place",
                        url.variable, "REDIS_URL", url_wins ? "REDIS_URL" : url.variable));
        if (!url_wins) return said->text;
    }
    to.show(url.variable, stated, url_source, "from REDIS_URL");
    return stated;
}

// A socket in the URL leaves no room for a host, a port or TLS.
void refuse_beside_socket(Resolving& to, Source url_source) {
    for (const auto* name : {"REDIS_HOST", "REDIS_PORT", "REDIS_SSL"}) {
        const auto* said = to.layers.said(name);
        if (said == nullptr ||
            (std::string_view(name) == "REDIS_SSL" && !to.layers.boolean(name).value_or(false)))
            continue;
        if (said->source > url_source) {
            to.layers.note(name, "not used: REDIS_URL names a Unix socket");
            continue;
        }
        to.report.error(fmt::format(
            "REDIS_URL names a Unix socket and {} is set too; remove one of them", name));
    }
}

void check_prefix(Resolving& to, const std::string& prefix) {
    const bool odd = std::any_of(prefix.begin(), prefix.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte >= 0x7f ||
               std::string_view("{}*?[]\\\"'").find(c) != std::string_view::npos;
    });
    if (odd) {
        to.report.error(
            "REDIS_SESSION_PREFIX: white space, control characters, quotes and {}*?[]\\ may not stand in it");
    }
    if (prefix.size() > prefix_size_max) {
        to.report.error(
            fmt::format("REDIS_SESSION_PREFIX: at most {} characters", prefix_size_max));
    }
}

void check_file(Resolving& to, std::string_view name, const std::string& path) {
    if (path.empty()) return;
    if (auto text = to.input.read_file(path); !text)
        to.report.error(fmt::format("{}: {}", name, text.error().detail));
}

// A certificate option, from its variable or from the URL's query.
std::string certificate_option(Resolving& to, Source url_source, const TextMap& from_url,
                               std::string_view name) {
    std::optional<std::string> stated;
    if (const auto found = from_url.find(name); found != from_url.end()) stated = found->second;
    return reconcile(to, url_source, {name, stated}).value_or("");
}

void apply_tls(Resolving& to, Source url_source, const TextMap& from_url, bool tls) {
    auto& redis = to.settings.options.redis;
    TlsOptions options;
    options.ca_file = certificate_option(to, url_source, from_url, "REDIS_SSL_CA_CERTS");
    options.certificate_file = certificate_option(to, url_source, from_url, "REDIS_SSL_CERTFILE");
    options.key_file = certificate_option(to, url_source, from_url, "REDIS_SSL_KEYFILE");
    const auto verify = lower(certificate_option(to, url_source, from_url, "REDIS_SSL_CERT_REQS"));
    options.verify = verify != "none";
    if (!verify.empty() && verify != "none" && verify != "required" && verify != "optional") {
        to.report.error("REDIS_URL: ssl_cert_reqs is none of required, optional, none");
    }
    const bool any =
        !options.ca_file.empty() || !options.certificate_file.empty() || !options.key_file.empty();
    if (!tls) {
        if (any)
            to.report.warn(
                "REDIS_SSL_CA_CERTS, _CERTFILE and _KEYFILE take effect only with TLS (REDIS_SSL=true or rediss://)");
        return;
    }
    if (options.certificate_file.empty() != options.key_file.empty()) {
        to.report.error(
            "REDIS_SSL_CERTFILE and REDIS_SSL_KEYFILE belong together; one of them is missing");
    }
    if (!options.verify) {
        to.report.warn(
            "REDIS_SSL_CERT_REQS=none: Redis' certificate is not verified; anybody on the way can read along");
    }
    check_file(to, "REDIS_SSL_CA_CERTS", options.ca_file);
    check_file(to, "REDIS_SSL_CERTFILE", options.certificate_file);
    check_file(to, "REDIS_SSL_KEYFILE", options.key_file);
    redis.tls = std::move(options);
}

std::optional<std::string> number_text(const auto& number) {
    return number ? std::optional(fmt::format("{}", *number)) : std::nullopt;
}

struct StatedUrl {
    RedisUrl url;
    Source source = Source::built_in;
    bool there = false;
};

StatedUrl read_url(Resolving& to) {
    StatedUrl out;
    const auto* said = to.layers.said("REDIS_URL");
    if (said == nullptr) return out;
    auto url = parse_redis_url(said->text);
    if (!url) {
        to.report.error(fmt::format("REDIS_URL: {}", url.error().detail));
        return out;
    }
    for (const auto& name : url->ignored) {
        to.report.warn(fmt::format("REDIS_URL: the parameter '{}' has no meaning here", name));
    }
    return {std::move(*url), said->source, true};
}

}  // namespace

void apply_redis(Resolving& to) {
    auto& redis = to.settings.options.redis;
    const auto stated = read_url(to);
    const auto& url = stated.url;
    const auto pick = [&](std::string_view name, std::optional<std::string> text) {
        return reconcile(to, stated.source, {name, stated.there ? std::move(text) : std::nullopt});
    };
    if (!url.unix_socket.empty()) {
        refuse_beside_socket(to, stated.source);
        redis.unix_socket = url.unix_socket;
    } else {
        redis.host = pick("REDIS_HOST", url.host).value_or(redis.host);
        if (const auto port = pick("REDIS_PORT", number_text(url.port))) {
            redis.port = static_cast<std::uint16_t>(parse_integer(*port).value_or(redis.port));
        }
    }
    if (const auto database = pick("REDIS_DB", number_text(url.database))) {
        redis.database = static_cast<unsigned>(parse_integer(*database).value_or(0));
    }
    redis.username = pick("REDIS_USERNAME", url.username).value_or("");
    redis.password = pick("REDIS_PASSWORD", url.password).value_or("");
    if (!redis.username.empty() && redis.password.empty()) {
        to.report.warn(
            "REDIS_USERNAME is set without a password (REDIS_PASSWORD); Redis will refuse it unless the user is nopass");
    }
    bool tls = false;
    if (url.unix_socket.empty()) {
        const auto text = pick("REDIS_SSL", std::string(url.tls ? "true" : "false"));
        tls = text && parse_boolean(*text).value_or(false);
    }
    apply_tls(to, stated.source, url.options, tls);

    redis.prefix = to.layers.text("REDIS_SESSION_PREFIX").value_or(redis.prefix);
    check_prefix(to, redis.prefix);
    if (const auto ms = to.layers.integer("VEDFOLNIR_REDIS_CONNECT_TIMEOUT_MS"))
        redis.connect_timeout = Millis(*ms);
    if (const auto ms = to.layers.integer("VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS"))
        redis.request_timeout = Millis(*ms);
    redis.install_functions =
        to.layers.boolean("VEDFOLNIR_REDIS_INSTALL_FUNCTIONS").value_or(redis.install_functions);
}

}  // namespace vedfolnir::config
