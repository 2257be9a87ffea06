#include <vedfolnir/session_manager.hpp>

#include <cstdio>

int main(int, char** arguments) {
    vedfolnir::ManagerOptions options;
    options.store = vedfolnir::StoreKind::memory;
    options.development = true;
    options.state_dir = arguments[1];
    const auto manager = vedfolnir::SessionManager::open(options);
    const auto session = manager.value().load({});
    return std::puts(session.has_value() && !session->found() ? "no session yet" : "unexpected") <
           0;
}
