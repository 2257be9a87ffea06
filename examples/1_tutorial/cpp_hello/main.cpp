#include <vedfolnir/session_manager.hpp>

#include <iostream>

int main() {
    vedfolnir::ManagerOptions options;
    options.store = vedfolnir::StoreKind::memory;  // the default is Redis on localhost
    options.development = true;                    // makes a key; in production, configure one
    const auto manager = vedfolnir::SessionManager::open(options).value();

    auto session = manager.load({.cookie_header = ""}).value();
    session.set("theme", "dark").value();
    const auto commit = manager.commit(session, {}).value();
    const std::string cookie = commit.set_cookie.value();  // send it as Set-Cookie

    const auto again = manager.load({.cookie_header = cookie.substr(0, cookie.find(';'))}).value();
    std::cout << "theme: " << *again.get("theme").value()->as_string() << '\n';
}
