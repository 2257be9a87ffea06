#include "support/redis_server.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vedfolnir::test {
namespace fs = std::filesystem;

namespace {

constexpr const char* admin_password = "test-admin-password";

void shell(const std::string& command) {
    if (std::system((command + " >/dev/null 2>&1").c_str()) != 0) {
        throw std::runtime_error("failed: " + command);
    }
}

std::string read_file(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

void pause() { ::poll(nullptr, 0, 5); }

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        pause();
    }
    return true;
}

std::string redis_program() {
    const char* const named = std::getenv("VEDFOLNIR_TEST_REDIS_SERVER");
    return named == nullptr || *named == '\0' ? "redis-server" : named;
}

fs::path temporary_folder() {
    std::string pattern = (fs::temp_directory_path() / "vf-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    return pattern;
}

std::uint16_t free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(socket);
    if (!bound) throw std::runtime_error("no free port");
    return ntohs(address.sin_port);
}

Certificates::Certificates(fs::path folder, const std::string& server_host)
    : folder_(std::move(folder)) {
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
          "-subj /CN=test-authority -keyout '" +
          key("ca") + "' -out '" + ca() + "'");
    sign("server", server_host);
    sign("client", "client");
}

void Certificates::sign(const std::string& name, const std::string& host) const {
    const std::string request = (folder_ / (name + ".csr")).string();
    shell("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" +
          host + " -addext subjectAltName=DNS:" + host + " -keyout '" + key(name) + "' -out '" +
          request + "'");
    shell("openssl x509 -req -in '" + request + "' -CA '" + ca() + "' -CAkey '" + key("ca") +
          "' -CAcreateserial -days 2 -copy_extensions copy -out '" + certificate(name) + "'");
}

RedisServer::RedisServer(RedisServerOptions options)
    : options_(std::move(options)), folder_(temporary_folder()) {
    if (options_.tls) {
        certificates_ = std::make_unique<Certificates>(folder_, options_.certificate_host);
    }
    // Another process may take the free port before the server does; then try the next.
    for (int attempts = 5;; --attempts) {
        if (options_.tcp || options_.tls) port_ = free_port();
        write_configuration();
        try {
            start();
            return;
        } catch (const std::runtime_error&) {
            if (attempts == 1) {
                std::error_code ignored;
                fs::remove_all(folder_, ignored);
                throw;
            }
        }
    }
}

RedisServer::~RedisServer() {
    kill();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

void RedisServer::write_configuration() {
    std::ofstream conf(folder_ / "redis.conf");
    conf << "unixsocket " << socket_path() << "\ndir " << folder_.string()
         << "\nsave \"\"\nlogfile " << (folder_ / "log").string() << "\n";
    if (options_.tls) {
        conf << "port 0\ntls-port " << port_ << "\ntls-ca-cert-file " << certificates_->ca()
             << "\ntls-cert-file " << certificates_->certificate("server") << "\ntls-key-file "
             << certificates_->key("server") << "\ntls-auth-clients "
             << (options_.client_certificates ? "yes" : "no") << "\n";
    } else {
        conf << "port " << port_ << "\n";
    }
    for (const std::string& line : options_.settings) conf << line << "\n";
    conf << "aclfile " << (folder_ / "users.acl").string() << "\n";

    std::ofstream acl(folder_ / "users.acl");
    acl << "user admin on >" << admin_password << " ~* &* +@all\n";
    for (const std::string& line : options_.acl) acl << line << "\n";
    const std::string access = options_.password.empty() ? "nopass" : ">" + options_.password;
    acl << "user default " << (options_.acl.empty() ? "on " : "off ") << access << " ~* &* +@all\n";
}

void RedisServer::start() {
    const std::string configuration = (folder_ / "redis.conf").string();
    const std::string program = redis_program();
    pid_ = ::fork();
    if (pid_ == 0) {
        // Ends with the test, however that ends.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int null = ::open("/dev/null", O_RDWR);
        ::dup2(null, STDOUT_FILENO);
        ::dup2(null, STDERR_FILENO);
        ::execlp(program.c_str(), program.c_str(), configuration.c_str(), nullptr);
        ::_exit(127);
    }
    const auto up = [this] { return ready() || ::waitpid(pid_, nullptr, WNOHANG) != 0; };
    if (!eventually(up) || !ready()) {
        kill();
        throw std::runtime_error(
            program + " did not start (is it installed?): " + read_file(folder_ / "log"));
    }
}

bool RedisServer::ready() {
    try {
        return admin({"PING"}).text == "PONG";
    } catch (const std::runtime_error&) {
        return false;
    }
}

std::unique_ptr<RespClient> RedisServer::client() const {
    auto connection = std::make_unique<RespClient>(socket_path());
    const auto reply = connection->command({"AUTH", "admin", admin_password});
    if (reply.failed()) throw std::runtime_error(reply.text);
    return connection;
}

RespReply RedisServer::admin(const std::vector<std::string>& words) {
    return client()->command(words);
}

void RedisServer::freeze() { ::kill(pid_, SIGSTOP); }

void RedisServer::thaw() { ::kill(pid_, SIGCONT); }

void RedisServer::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::int64_t RedisServer::calls(const std::string& command) {
    const std::string text = admin({"INFO", "commandstats"}).text;
    const std::string name = "cmdstat_" + command + ":calls=";
    const auto at = text.find(name);
    return at == std::string::npos ? 0 : std::stoll(text.substr(at + name.size()));
}

}  // namespace vedfolnir::test
