// Runs the session in docs/internals/redis_keys.md against a real server, word for word.
#include "redis/library.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace vedfolnir::test {
namespace {

/// One command of the document and the reply it promises, a line per element.
struct Step {
    std::string command;
    std::vector<std::string> expected;
};

struct Document {
    std::map<std::string, std::string> bytes;  ///< By name, with the dollar sign.
    std::vector<Step> steps;
};

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

std::string to_hex(const std::string& bytes) {
    constexpr const char* digits = "0123456789abcdef";
    std::string hex;
    for (const unsigned char byte : bytes) {
        hex += digits[byte >> 4U];
        hex += digits[byte & 15U];
    }
    return hex;
}

Document read_document() {
    std::ifstream file(std::string(VEDFOLNIR_SOURCE_DIR) + "/docs/internals/redis_keys.md");
    Document document;
    std::string name;
    std::string line;
    while (std::getline(file, line) && line != "```redis") {
    }
    while (std::getline(file, line) && line != "```") {
        if (line.empty()) continue;
        if (line.starts_with("> ")) {
            document.steps.push_back({line.substr(2), {}});
        } else if (!document.steps.empty()) {
            document.steps.back().expected.push_back(line);
        } else if (const auto equals = line.find(" = "); equals != std::string::npos) {
            name = line.substr(0, equals);
            document.bytes[name] = from_hex(line.substr(equals + 3));
        } else {
            document.bytes[name] += from_hex(line.substr(line.find_first_not_of(' ')));
        }
    }
    return document;
}

std::vector<std::string> words_of(const Document& document, const std::string& command) {
    std::vector<std::string> words;
    std::stringstream text(command);
    for (std::string word; text >> word;) {
        if (word.starts_with('$')) {
            word = document.bytes.at(word);
        } else if (word == "\"\"") {
            word.clear();
        }
        words.push_back(word);
    }
    return words;
}

/// How the document writes one element: integers marked, text as it is, bytes by name or in hexadecimal.
std::string written(const Document& document, const RespReply& reply, const std::string& expected) {
    constexpr std::int64_t some_time_ago = 1'700'000'000'000;
    if (reply.type == ':') {
        if (expected == "(time)" && reply.integer > some_time_ago) return expected;
        return "(integer) " + std::to_string(reply.integer);
    }
    for (const auto& [name, bytes] : document.bytes) {
        if (bytes == reply.text) return name;
    }
    const bool text = reply.text.find_first_of(std::string("\0\1\2", 3)) == std::string::npos;
    return text ? reply.text : to_hex(reply.text);
}

// ids: S3
TEST(RedisDocument, the_session_on_the_wire_is_what_a_server_says) {
    RedisServer server;
    ASSERT_FALSE(server.admin({"FUNCTION", "LOAD", redis::library_source()}).failed());
    const Document document = read_document();
    ASSERT_GE(document.steps.size(), 10U);
    for (const Step& step : document.steps) {
        const RespReply reply = server.admin(words_of(document, step.command));
        ASSERT_FALSE(reply.failed()) << step.command << "\n" << reply.text;
        const auto elements = reply.type == '*' ? reply.items : std::vector<RespReply>{reply};
        ASSERT_EQ(elements.size(), step.expected.size()) << step.command;
        for (std::size_t i = 0; i < elements.size(); ++i) {
            EXPECT_EQ(written(document, elements[i], step.expected[i]), step.expected[i])
                << step.command;
        }
    }
}

}  // namespace
}  // namespace vedfolnir::test
