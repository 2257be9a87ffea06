#include "redis/failure.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/redis/error.hpp>
#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include <set>
#include <string>

namespace vedfolnir::redis {
namespace {

using boost::system::error_code;

// ids: S95
TEST(Failure, every_kind_has_one_plain_sentence_and_one_name) {
    std::set<std::string_view> sentences;
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(FailureKind::other); ++i) {
        const auto kind = static_cast<FailureKind>(i);
        EXPECT_TRUE(sentences.insert(describe(kind)).second) << i << " " << describe(kind);
        EXPECT_TRUE(names.insert(to_string(kind)).second) << i << " " << to_string(kind);
        EXPECT_TRUE(describe(kind).ends_with('.') || describe(kind).ends_with('?'))
            << describe(kind);
    }
}

// ids: S95
TEST(Failure, replies_are_told_apart) {
    const std::pair<const char*, FailureKind> replies[] = {
        {"NOAUTH HELLO must be called with the client already authenticated",
         FailureKind::password_missing},
        {"WRONGPASS invalid username-password pair or user is disabled.",
         FailureKind::password_wrong},
        {"NOPERM this user has no permissions to run the 'fcall' command",
         FailureKind::not_permitted},
        {"ERR max number of clients reached", FailureKind::clients_max},
        {"ERR DB index is out of range", FailureKind::database_missing},
        {"ERR unknown command 'FCALL_RO', with args beginning with:", FailureKind::too_old},
        {"ERR Function not found", FailureKind::not_installed},
        {"MOVED 3999 127.0.0.1:6381", FailureKind::cluster},
        {"LOADING Redis is loading the dataset in memory", FailureKind::loading},
        {"BUSY Redis is busy running a script.", FailureKind::busy},
        {"MASTERDOWN Link with MASTER is down", FailureKind::primary_down},
        {"READONLY You can't write against a read only replica.", FailureKind::read_only},
        {"OOM command not allowed when used memory > 'maxmemory'.", FailureKind::out_of_memory},
        {"MISCONF Redis is configured to save RDB snapshots", FailureKind::snapshots_failing},
        {"NOREPLICAS Not enough good replicas to write.", FailureKind::replicas_missing},
        {"VEDFOLNIR record has 3 bytes", FailureKind::refused_by_library},
        {"ERR something new", FailureKind::other},
    };
    for (const auto& [reply, kind] : replies) {
        const Failure failure = classify_reply(reply, Stage::request);
        EXPECT_EQ(failure.kind, kind) << reply;
        EXPECT_EQ(failure.detail, reply);
    }
}

// ids: S95
TEST(Failure, connection_errors_name_the_stage) {
    const auto refused =
        classify_connection(boost::asio::error::connection_refused, 0, Stage::auth);
    EXPECT_EQ(refused.kind, FailureKind::refused);
    EXPECT_EQ(refused.stage, Stage::connect);
    const auto unknown = classify_connection(boost::asio::error::host_not_found, 0, Stage::auth);
    EXPECT_EQ(unknown.kind, FailureKind::name_unknown);
    EXPECT_EQ(unknown.stage, Stage::resolve);
    const auto closed = classify_connection(boost::asio::error::eof, 0, Stage::auth);
    EXPECT_EQ(closed.kind, FailureKind::closed);
    EXPECT_EQ(closed.stage, Stage::auth);
    const error_code timeout = boost::redis::error::connect_timeout;
    EXPECT_EQ(classify_connection(timeout, 0, Stage::auth).kind, FailureKind::unreachable);
}

// ids: S95 S1
TEST(Failure, certificate_errors_are_told_apart) {
    const error_code handshake(1, boost::asio::error::get_ssl_category());
    const std::pair<int, FailureKind> errors[] = {
        {X509_V_ERR_HOSTNAME_MISMATCH, FailureKind::tls_wrong_host},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, FailureKind::tls_unknown_authority},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, FailureKind::tls_unknown_authority},
        {X509_V_ERR_CERT_HAS_EXPIRED, FailureKind::tls_expired},
        {0, FailureKind::tls_failed}};
    for (const auto& [error, kind] : errors) {
        EXPECT_EQ(classify_connection(handshake, error, Stage::auth).kind, kind) << error;
    }
}

TEST(Failure, callers_see_whether_the_outcome_is_known) {
    EXPECT_EQ(to_error({FailureKind::no_answer, Stage::request, ""}).code, Errc::deadline_exceeded);
    EXPECT_EQ(to_error({FailureKind::no_answer, Stage::connect, ""}).code, Errc::store_unavailable);
    EXPECT_EQ(to_error({FailureKind::refused, Stage::connect, ""}).code, Errc::store_unavailable);
    EXPECT_EQ(to_error({FailureKind::not_installed, Stage::functions, ""}).code,
              Errc::not_installed);
    EXPECT_EQ(to_error({FailureKind::tls_files, Stage::tls, ""}).code, Errc::bad_options);
}

TEST(Failure, server_text_stays_out_of_the_public_message) {
    const Error error = to_error({FailureKind::refused, Stage::connect, "10.1.2.3:6379 secret"});
    EXPECT_EQ(error.public_message.find("secret"), std::string::npos);
    EXPECT_NE(error.detail.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace vedfolnir::redis
