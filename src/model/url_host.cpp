#include "model/url_host.hpp"

#include "model/percent.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace vedfolnir::model {
namespace {

Error bad(std::string text) { return {Errc::bad_options, std::move(text)}; }

}  // namespace

Result<UrlHost> parse_url_host(std::string_view text) {
    std::string_view port;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return bad("an IPv6 address ends with ']'");
        const auto rest = text.substr(close + 1);
        if (!rest.empty() && rest.front() != ':')
            return bad("text behind the ']' of an IPv6 address");
        port = rest.empty() ? rest : rest.substr(1);
        text = text.substr(1, close - 1);
    } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        if (text.find(':', colon + 1) != std::string_view::npos)
            return bad("write an IPv6 address as [::1]");
        port = text.substr(colon + 1);
        text = text.substr(0, colon);
    }
    auto host = percent_decoded(text);
    if (!host) return bad("a broken % escape in the host");
    const bool printable = std::ranges::all_of(*host, [](char c) { return c > ' ' && c < 0x7f; });
    if (!printable)
        return bad("the host holds white space, a control character or a non-ASCII letter");
    UrlHost read{std::move(*host), 0};
    if (port.empty()) return read;
    const auto* end = port.data() + port.size();
    const auto number = std::from_chars(port.data(), end, read.port);
    if (number.ec != std::errc{} || number.ptr != end || read.port == 0)
        return bad("the port is not a number from 1 to 65535");
    return read;
}

}  // namespace vedfolnir::model
