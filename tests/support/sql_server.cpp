#include "support/sql_server.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <mysql.h>
#include <pwd.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vedfolnir::test {
namespace fs = std::filesystem;

namespace {

constexpr const char* unprivileged = "nobody";

std::string read_file(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

bool is_program(const fs::path& path) { return ::access(path.c_str(), X_OK) == 0; }

/// The newest Debian version's own folder, else the path: PostgreSQL's servers stand on no path by default.
std::string program(const std::string& name, const std::vector<std::string>& folders) {
    std::vector<fs::path> places;
    for (const auto& folder : folders) places.emplace_back(folder);
    std::error_code none;
    for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none))
        places.push_back(version.path() / "bin");
    std::ranges::sort(places, std::greater<>());
    std::stringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
    for (std::string folder; std::getline(path, folder, ':');) places.emplace_back(folder);
    for (const auto& place : places) {
        if (is_program(place / name)) return (place / name).string();
    }
    throw std::runtime_error(name + " is not installed; run: tools/setup.sh test");
}

void become_unprivileged() {
    if (::geteuid() != 0) return;
    const passwd* account = ::getpwnam(unprivileged);
    if (account == nullptr || ::setgroups(0, nullptr) != 0 || ::setgid(account->pw_gid) != 0 ||
        ::setuid(account->pw_uid) != 0) {
        ::_exit(126);
    }
}

void give_away(const fs::path& path) {
    if (::geteuid() != 0) return;
    const passwd* account = ::getpwnam(unprivileged);
    if (account == nullptr || ::lchown(path.c_str(), account->pw_uid, account->pw_gid) != 0)
        throw std::runtime_error("cannot give " + path.string() + " to " + unprivileged);
}

/// In a process group of its own, so that all of a server's processes can be signalled at once.
pid_t spawn(const std::vector<std::string>& words, const fs::path& log) {
    const pid_t pid = ::fork();
    if (pid != 0) {
        ::setpgid(pid, pid);
        return pid;
    }
    ::setpgid(0, 0);
    become_unprivileged();
    // Ends with the test, however that ends. After the change of user, which would clear it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, STDIN_FILENO);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

void run(const std::vector<std::string>& words, const fs::path& log) {
    int status = 0;
    const pid_t pid = spawn(words, log);
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) throw std::runtime_error(words[0] + " failed: " + read_file(log));
}

std::string percent_encoded(const std::string& text) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return encoded;
}

/// Quoted as both engines read it; MySQL reads backslashes as escapes.
std::string quoted(const std::string& text, bool backslashes) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || (backslashes && c == '\\')) out += c;
        out += c;
    }
    return out + "'";
}

class PostgresShell final : public SqlShell {
public:
    explicit PostgresShell(const std::string& where) : db_(PQconnectdb(where.c_str())) {
        if (PQstatus(db_) != CONNECTION_OK) {
            const std::string why = PQerrorMessage(db_);
            PQfinish(db_);
            throw std::runtime_error(why);
        }
    }
    ~PostgresShell() override { PQfinish(db_); }
    PostgresShell(const PostgresShell&) = delete;
    PostgresShell& operator=(const PostgresShell&) = delete;

    std::vector<std::vector<std::string>> run(const std::string& statement) override {
        const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(db_, statement.c_str()),
                                                                    PQclear);
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            throw std::runtime_error(statement + ": " + PQerrorMessage(db_));
        columns_.clear();
        for (int i = 0; i < PQnfields(result.get()); ++i)
            columns_.emplace_back(PQfname(result.get(), i));
        std::vector<std::vector<std::string>> rows;
        for (int row = 0; row < PQntuples(result.get()); ++row) {
            auto& cells = rows.emplace_back();
            for (int i = 0; i < PQnfields(result.get()); ++i) {
                cells.emplace_back(PQgetisnull(result.get(), row, i) != 0
                                       ? "NULL"
                                       : PQgetvalue(result.get(), row, i));
            }
        }
        return rows;
    }
    [[nodiscard]] const std::vector<std::string>& columns() const override { return columns_; }

private:
    PGconn* db_;
    std::vector<std::string> columns_;
};

class MysqlShell final : public SqlShell {
public:
    MysqlShell(const std::string& socket, const std::string& user, const std::string& database)
        : db_(mysql_init(nullptr)) {
        mysql_options(db_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
        if (mysql_real_connect(db_, nullptr, user.c_str(), nullptr,
                               database.empty() ? nullptr : database.c_str(), 0, socket.c_str(),
                               0) == nullptr) {
            const std::string why = mysql_error(db_);
            mysql_close(db_);
            throw std::runtime_error(why);
        }
    }
    ~MysqlShell() override { mysql_close(db_); }
    MysqlShell(const MysqlShell&) = delete;
    MysqlShell& operator=(const MysqlShell&) = delete;

    std::vector<std::vector<std::string>> run(const std::string& statement) override {
        if (mysql_real_query(db_, statement.c_str(), statement.size()) != 0)
            throw std::runtime_error(statement + ": " + mysql_error(db_));
        columns_.clear();
        std::vector<std::vector<std::string>> rows;
        const std::unique_ptr<MYSQL_RES, void (*)(MYSQL_RES*)> result(mysql_store_result(db_),
                                                                      mysql_free_result);
        if (!result) return rows;
        const auto* fields = mysql_fetch_fields(result.get());
        const auto count = mysql_num_fields(result.get());
        for (unsigned i = 0; i < count; ++i) columns_.emplace_back(fields[i].name);
        while (const MYSQL_ROW row = mysql_fetch_row(result.get())) {
            const auto* lengths = mysql_fetch_lengths(result.get());
            auto& cells = rows.emplace_back();
            for (unsigned i = 0; i < count; ++i)
                cells.push_back(row[i] == nullptr ? "NULL" : std::string(row[i], lengths[i]));
        }
        return rows;
    }
    [[nodiscard]] const std::vector<std::string>& columns() const override { return columns_; }

private:
    MYSQL* db_;
    std::vector<std::string> columns_;
};

}  // namespace

std::string engine_name(SqlEngine engine) {
    switch (engine) {
    case SqlEngine::postgresql:
        return "postgresql";
    case SqlEngine::mysql:
        return "mysql";
    case SqlEngine::sqlite:
        break;
    }
    return "sqlite";
}

SqlServer::SqlServer(SqlEngine engine) : engine_(engine), folder_(temporary_folder()) {
    ::chmod(folder_.c_str(), 0755);
    certificates_ = std::make_unique<Certificates>(folder_, "localhost");
    for (const auto& file : fs::directory_iterator(folder_)) {
        if (file.path().extension() == ".key") ::chmod(file.path().c_str(), 0600);
        give_away(file.path());
    }
    // Its own: a MariaDB that starts removes the temporary tables of every other one from a shared folder.
    fs::create_directory(folder_ / "tmp");
    give_away(folder_ / "tmp");
    give_away(folder_);
    try {
        initialize();
        // Another process may take the free port before the server does; then try the next.
        for (int attempts = 5;; --attempts) {
            port_ = free_port();
            try {
                start();
                break;
            } catch (const std::runtime_error&) {
                if (attempts == 1) throw;
            }
        }
        settle_users();
    } catch (...) {
        kill();
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
        throw;
    }
}

SqlServer::~SqlServer() {
    kill();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

SqlServer& SqlServer::shared(SqlEngine engine) {
    if (engine == SqlEngine::postgresql) {
        static SqlServer server(engine);
        return server;
    }
    static SqlServer server(engine);
    return server;
}

void SqlServer::initialize() {
    const auto log = folder_ / "initialize.log";
    const auto data = (folder_ / "data").string();
    if (engine_ == SqlEngine::postgresql) {
        // What an installation may have: texts that sort by the rules of a language.
        run({program("initdb", {}), "--pgdata=" + data, "--username=admin", "--encoding=UTF8",
             "--locale=C", "--locale-provider=icu", "--icu-locale=en", "--auth-local=trust",
             "--auth-host=scram-sha-256", "--no-sync"},
            log);
        return;
    }
    run({program("mariadb-install-db", {"/usr/bin"}), "--no-defaults", "--datadir=" + data,
         "--tmpdir=" + (folder_ / "tmp").string(), "--auth-root-authentication-method=normal",
         "--skip-test-db"},
        log);
}

std::vector<std::string> SqlServer::command() const {
    const auto data = (folder_ / "data").string();
    const auto port = std::to_string(port_);
    if (engine_ == SqlEngine::postgresql) {
        return {program("postgres", {}),
                "-D",
                data,
                "-h",
                "127.0.0.1",
                "-p",
                port,
                "-k",
                folder_.string(),
                "-c",
                "fsync=off",
                "-c",
                "ssl=on",
                "-c",
                "ssl_cert_file=" + certificates_->certificate("server"),
                "-c",
                "ssl_key_file=" + certificates_->key("server"),
                "-c",
                "max_connections=100"};
    }
    return {
        program("mariadbd", {"/usr/sbin"}), "--no-defaults", "--datadir=" + data,
        "--tmpdir=" + (folder_ / "tmp").string(), "--socket=" + (folder_ / "s").string(),
        "--pid-file=" + (folder_ / "pid").string(), "--bind-address=127.0.0.1", "--port=" + port,
        "--skip-name-resolve", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M",
        "--innodb-flush-method=nosync",
        // What an installation may have: texts that compare without case, unless a table says otherwise.
        "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
        "--ssl-cert=" + certificates_->certificate("server"),
        "--ssl-key=" + certificates_->key("server"), "--ssl-ca=" + certificates_->ca()};
}

void SqlServer::start() {
    const auto log = folder_ / "server.log";
    pid_ = spawn(command(), log);
    const auto ended = [this] { return ::waitpid(pid_, nullptr, WNOHANG) != 0; };
    bool is_ready = false;
    static_cast<void>(eventually(
        [&] {
            is_ready = ready();
            if (is_ready || !ended()) return is_ready;
            // PostgreSQL's other processes outlive one that was killed, and keep its shared memory for a moment.
            if (read_file(log).find("shared memory block") == std::string::npos) return true;
            pid_ = spawn(command(), log);
            return false;
        },
        std::chrono::seconds(60)));
    if (!is_ready) {
        kill();
        throw std::runtime_error("the server of " + engine_name(engine_) +
                                 " did not start: " + read_file(log));
    }
}

bool SqlServer::ready() const {
    try {
        shell()->run("SELECT 1");
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

void SqlServer::settle_users() {
    const auto db = shell();
    if (engine_ == SqlEngine::postgresql) {
        db->run(std::string("CREATE ROLE ") + user + " LOGIN PASSWORD " + quoted(password, false));
        return;
    }
    for (const auto* host : {"127.0.0.1", "localhost"}) {
        db->run(std::string("CREATE USER '") + user + "'@'" + host + "' IDENTIFIED BY " +
                quoted(password, true));
    }
}

std::string SqlServer::fresh_database() {
    const auto name = "d" + std::to_string(++databases_) + "_" + std::to_string(::getpid());
    const auto db = shell();
    if (engine_ == SqlEngine::postgresql) {
        db->run("CREATE DATABASE " + name + " OWNER " + user);
        return name;
    }
    db->run("CREATE DATABASE " + name);
    for (const auto* host : {"127.0.0.1", "localhost"})
        db->run("GRANT ALL ON " + name + ".* TO '" + user + "'@'" + host + "'");
    return name;
}

std::string SqlServer::url(const std::string& database) const {
    return engine_name(engine_) + "://" + user + ":" + percent_encoded(password) +
           "@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string SqlServer::socket_url(const std::string& database) const {
    const auto login = engine_name(engine_) + "://" + user + ":" + percent_encoded(password) + "@";
    if (engine_ == SqlEngine::postgresql) {
        return login + ":" + std::to_string(port_) + "/" + database + "?host=" + folder_.string();
    }
    return login + "/" + database + "?socket=" + (folder_ / "s").string();
}

std::unique_ptr<SqlShell> SqlServer::shell(const std::string& database) const {
    if (engine_ == SqlEngine::mysql)
        return std::make_unique<MysqlShell>((folder_ / "s").string(), "root", database);
    return std::make_unique<PostgresShell>("user=admin connect_timeout=5 host=" + folder_.string() +
                                           " port=" + std::to_string(port_) +
                                           " dbname=" + (database.empty() ? "postgres" : database));
}

void SqlServer::signal_all(int signal) const {
    // PostgreSQL's processes lead groups of their own.
    const auto children =
        "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children";
    std::ifstream list(children);
    std::vector<pid_t> pids;
    for (pid_t child = 0; list >> child;) pids.push_back(child);
    if (pid_ > 0) ::kill(pid_, signal);
    for (const auto child : pids) ::kill(child, signal);
}

void SqlServer::freeze() {
    signal_all(SIGSTOP);
    // Each of its threads stops when it runs next; until then one may answer.
    siginfo_t stopped{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
}

void SqlServer::thaw() { signal_all(SIGCONT); }

void SqlServer::kill() {
    if (pid_ <= 0) return;
    // Stopped first, so that it starts no further process; then all of them at once.
    ::kill(pid_, SIGSTOP);
    signal_all(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

}  // namespace vedfolnir::test
