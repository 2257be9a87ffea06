#include "compose/page.hpp"

#include "config/text.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <optional>

namespace vedfolnir::compose {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Response = http::response<http::string_body>;

constexpr auto patience = std::chrono::seconds(10);
constexpr std::size_t body_max = 4 * 1024 * 1024;
constexpr std::size_t value_begin_size = 4;

struct Address {
    bool https = false;
    std::string host;
    std::string port;
    std::string target;
};

std::optional<Address> parse(std::string_view url) {
    Address out;
    const auto mark = url.find("://");
    if (mark == std::string_view::npos) return std::nullopt;
    const auto scheme = config::lower(url.substr(0, mark));
    if (scheme != "http" && scheme != "https") return std::nullopt;
    out.https = scheme == "https";
    url.remove_prefix(mark + 3);
    const auto slash = url.find_first_of("/?");
    auto authority = url.substr(0, slash);
    out.target = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
    if (out.target.front() == '?') out.target.insert(out.target.begin(), '/');
    if (authority.find('@') != std::string_view::npos || authority.empty()) return std::nullopt;
    const bool bracket = authority.front() == '[';
    const auto colon = bracket ? authority.find(':', authority.find(']')) : authority.rfind(':');
    out.port = colon == std::string_view::npos ? (out.https ? "443" : "80")
                                               : std::string(authority.substr(colon + 1));
    out.host = std::string(authority.substr(0, colon));
    if (bracket && out.host.size() > 2) out.host = out.host.substr(1, out.host.size() - 2);
    return out;
}

http::request<http::empty_body> request_for(const Address& address, bool forwarded) {
    http::request<http::empty_body> request(http::verb::get, address.target, 11);
    request.set(http::field::host, fmt::format("{}:{}", address.host, address.port));
    request.set(http::field::user_agent, "vedfolnir doctor");
    request.set(http::field::connection, "close");
    if (forwarded) request.set("X-Forwarded-Proto", "https");
    return request;
}

template <class Stream>
asio::awaitable<Response> exchange(Stream& stream, const http::request<http::empty_body>& request) {
    co_await http::async_write(stream, request, asio::use_awaitable);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(body_max);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    co_return parser.release();
}

// Exceptions end in `fetch`, the one place that turns them into words.
asio::awaitable<Response> get(Address address, bool forwarded) {
    const auto executor = co_await asio::this_coro::executor;
    tcp::resolver resolver(executor);
    const auto places =
        co_await resolver.async_resolve(address.host, address.port, asio::use_awaitable);
    const auto request = request_for(address, forwarded);
    if (!address.https) {
        tcp::socket socket(executor);
        co_await asio::async_connect(socket, places, asio::use_awaitable);
        co_return co_await exchange(socket, request);
    }
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.set_default_verify_paths();
    context.set_verify_mode(asio::ssl::verify_peer);
    asio::ssl::stream<tcp::socket> stream(executor, context);
    stream.set_verify_callback(asio::ssl::host_name_verification(address.host));
    SSL_set_tlsext_host_name(stream.native_handle(), address.host.c_str());
    co_await asio::async_connect(stream.next_layer(), places, asio::use_awaitable);
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    co_return co_await exchange(stream, request);
}

std::optional<Response> fetch(const Address& address, bool forwarded, std::string& failure) {
    asio::io_context loop;
    std::optional<Response> response;
    asio::co_spawn(loop, get(address, forwarded),
                   [&](std::exception_ptr thrown, Response received) {
                       if (!thrown) {
                           response.emplace(std::move(received));
                           return;
                       }
                       try {
                           std::rethrow_exception(thrown);
                       } catch (const boost::system::system_error& error) {
                           failure = error.code().message();
                       } catch (const std::exception& error) {
                           failure = error.what();
                       }
                   });
    loop.run_for(patience);
    if (!response && failure.empty()) failure = "no answer within 10 s";
    return response;
}

ops::PageCookie cookie_of(std::string_view header, std::size_t value_at) {
    ops::PageCookie cookie;
    const auto end = header.find(';');
    cookie.value_begin =
        std::string(header.substr(value_at, std::min(end, header.size()) - value_at))
            .substr(0, value_begin_size);
    auto rest = end == std::string_view::npos ? std::string_view{} : header.substr(end + 1);
    while (!rest.empty()) {
        const auto next = rest.find(';');
        const auto attribute = config::lower(config::trimmed(rest.substr(0, next)));
        if (attribute == "secure") cookie.secure = true;
        if (attribute.starts_with("samesite=")) cookie.same_site = attribute.substr(9);
        rest = next == std::string_view::npos ? std::string_view{} : rest.substr(next + 1);
    }
    return cookie;
}

void read_cookies(const Response& response, const std::string& name, ops::PageFacts& facts) {
    const auto [first, last] = response.equal_range(http::field::set_cookie);
    for (auto field = first; field != last; ++field) {
        const std::string header(field->value());
        if (header.starts_with(name + "="))
            facts.cookies.push_back(cookie_of(header, name.size() + 1));
    }
}

std::string location_of(const Response& response) {
    const auto found = response.find(http::field::location);
    return found == response.end() ? std::string() : std::string(found->value());
}

}  // namespace

ops::PageFacts read_page(const std::string& url, const std::string& cookie_name) {
    ops::PageFacts facts;
    facts.asked = true;
    facts.url = url;
    const auto address = parse(url);
    if (!address) {
        facts.failure = "this is not an http:// or https:// address";
        return facts;
    }
    facts.https = address->https;
    const auto plain = fetch(*address, false, facts.failure);
    if (!plain) return facts;
    facts.status = plain->result_int();
    facts.location = location_of(*plain);
    read_cookies(*plain, cookie_name, facts);
    // The second question only adds to the first; its failure leaves the proxy check unknown.
    std::string ignored;
    if (const auto forwarded = fetch(*address, true, ignored))
        facts.location_forwarded = location_of(*forwarded);
    return facts;
}

}  // namespace vedfolnir::compose
