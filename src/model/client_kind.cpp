#include "model/client_kind.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <utility>

namespace vedfolnir::model {
namespace {

constexpr std::string_view unknown = "unknown";

/// What stands in the text, and what that means; the first that is found counts.
using Words = std::pair<std::string_view, std::string_view>;

constexpr std::array<Words, 5> bots{Words{"bot", "Bot"}, Words{"Bot", "Bot"},
                                    Words{"crawler", "Bot"}, Words{"spider", "Bot"},
                                    Words{"Spider", "Bot"}};

/// Most browsers claim to be others, too: those that copy stand before those they copy.
constexpr std::array<Words, 15> browsers{
    Words{"Edg", "Edge"},         Words{"OPR/", "Opera"},
    Words{"Opera", "Opera"},      Words{"SamsungBrowser", "Samsung Internet"},
    Words{"Vivaldi", "Vivaldi"},  Words{"YaBrowser", "Yandex"},
    Words{"FxiOS", "Firefox"},    Words{"Firefox", "Firefox"},
    Words{"CriOS", "Chrome"},     Words{"Chromium", "Chrome"},
    Words{"Chrome", "Chrome"},    Words{"Safari", "Safari"},
    Words{"Trident", "Explorer"}, Words{"MSIE", "Explorer"},
    Words{"AppleWebKit", "App"}};

constexpr std::array<Words, 9> systems{
    Words{"iPhone", "iOS"},      Words{"iPad", "iOS"},      Words{"Android", "Android"},
    Words{"Windows", "Windows"}, Words{"CrOS", "ChromeOS"}, Words{"Macintosh", "macOS"},
    Words{"Mac OS", "macOS"},    Words{"Linux", "Linux"},   Words{"X11", "Unix"}};

template <std::size_t N>
std::string_view first_of(const std::array<Words, N>& words, std::string_view text) {
    const auto found = std::ranges::find_if(
        words, [&](const Words& each) { return text.find(each.first) != std::string_view::npos; });
    return found == words.end() ? std::string_view() : found->second;
}

std::string shown(int family, const void* address, std::string_view bits) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(family, address, text.data(), text.size()) == nullptr)
        return std::string(unknown);
    return std::string(text.data()).append(bits);
}

/// Of the four bytes of an address.
std::string network_of_v4(const std::uint8_t* bytes) {
    const std::array<std::uint8_t, 4> network{bytes[0], bytes[1], 0, 0};
    return shown(AF_INET, network.data(), "/16");
}

std::string network_of_v6(const std::array<std::uint8_t, 16>& bytes) {
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(mapped.begin(), mapped.end(), bytes.begin()))
        return network_of_v4(bytes.data() + mapped.size());
    std::array<std::uint8_t, 16> network{};
    std::copy_n(bytes.begin(), 4, network.begin());
    return shown(AF_INET6, network.data(), "/32");
}

/// Without a port and the brackets in front of it.
std::string_view host_of(std::string_view place) {
    if (place.starts_with('[')) return place.substr(1, place.find(']') - 1);
    const auto colon = place.find(':');
    return place.find(':', colon + 1) == std::string_view::npos ? place.substr(0, colon) : place;
}

/// Whether one, or a part of one, stands somewhere in it.
bool looks_like_address(std::string_view text) {
    if (std::ranges::count(text, ':') > 1) return true;
    const auto is_digit = [](char each) { return each >= '0' && each <= '9'; };
    for (auto dot = text.find('.', 1); dot < text.size() - 1; dot = text.find('.', dot + 1))
        if (is_digit(text[dot - 1]) && is_digit(text[dot + 1])) return true;
    return false;
}

}  // namespace

std::string device_kind(std::string_view user_agent) {
    if (user_agent.empty()) return std::string(unknown);
    if (const auto bot = first_of(bots, user_agent); !bot.empty()) return std::string(bot);
    const auto browser = first_of(browsers, user_agent);
    if (browser.empty()) return "Program";
    const auto system = first_of(systems, user_agent);
    return std::string(browser).append(" on ").append(system.empty() ? unknown : system);
}

std::string network_of(std::string_view place) {
    if (place.empty()) return std::string(unknown);
    const std::string host(host_of(place));
    std::array<std::uint8_t, 16> bytes{};
    if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return network_of_v4(bytes.data());
    // A zone names an interface of this host.
    if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), bytes.data()) == 1)
        return network_of_v6(bytes);
    return std::string(looks_like_address(place) ? unknown : place);
}

}  // namespace vedfolnir::model
