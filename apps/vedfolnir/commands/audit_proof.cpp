// vedfolnir audit verify | prove | consistency | head | erase
#include "commands/audit_proof.hpp"

#include "commands/audit_view.hpp"
#include "compose/audit_keys.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;
using compose::AuditDesk;

struct VerifyArguments {
    std::vector<std::string> archives;
    compose::VerifyOrder order;
};

struct ProveArguments {
    std::uint64_t event = 0;
    std::string check;
    std::string public_key;
    std::string heads;
};

struct ConsistencyArguments {
    std::string first;
    std::string second;
    std::string public_key;
};

struct HeadArguments {
    bool sign = false;
    std::string copy_to;
};

struct EraseArguments {
    std::string user;
    bool yes = false;
};

json::object finding_json(const audit::Finding& finding) {
    return {{"fault", audit::to_string(finding.fault)},
            {"partition", finding.partition},
            {"first_index", finding.first},
            {"last_index", finding.last},
            {"text", finding.text}};
}

std::string place_of(const audit::Finding& finding) {
    if (finding.first == finding.last)
        return fmt::format("partition {}, index {}", finding.partition, finding.first);
    return fmt::format("partition {}, an index from {} to {}", finding.partition, finding.first,
                       finding.last);
}

void print(const Context& context, const compose::VerifyReport& report) {
    const bool good = report.findings.empty();
    if (context.console.json) {
        json::array findings;
        for (const auto& finding : report.findings) findings.push_back(finding_json(finding));
        json::array notes;
        for (const auto& note : report.notes) notes.emplace_back(note);
        json::value first;
        json::value id;
        if (!good) first = finding_json(report.findings.front());
        if (report.first_bad_id) id = *report.first_bad_id;
        context.console.print(json::object{{"valid", good},
                                           {"entries", report.entries},
                                           {"partitions", report.partitions},
                                           {"heads", report.heads},
                                           {"first_bad", std::move(first)},
                                           {"first_bad_id", std::move(id)},
                                           {"findings", std::move(findings)},
                                           {"notes", std::move(notes)}});
        return;
    }
    for (const auto& note : report.notes) context.console.warn(note);
    if (good) {
        const auto* all = report.entries == 1 ? "{} entry in {} is as it was written ({})."
                                              : "{} entries in {} are as they were written ({}).";
        context.console.print(fmt::format(fmt::runtime(all), report.entries,
                                          counted(report.partitions, "partition"),
                                          counted(report.heads, "head")),
                              Colour::green);
        return;
    }
    context.console.print(
        fmt::format("The first bad entry: {}.", place_of(report.findings.front())), Colour::red);
    Table table({"FAULT", "PARTITION", "FROM", "TO", "WHAT"});
    for (const auto& finding : report.findings) {
        table.add({std::string(audit::to_string(finding.fault)),
                   fmt::format("{}", finding.partition), fmt::format("{}", finding.first),
                   fmt::format("{}", finding.last), finding.text});
    }
    context.console.print(table);
}

Result<compose::VerifyReport> verify_report(const config::Settings& settings,
                                            const VerifyArguments& arguments) {
    const auto desk = AuditDesk::open(settings);
    if (!desk) return desk.error();
    if (arguments.archives.empty()) return (*desk)->verify(arguments.order, progress_on_stderr());
    return (*desk)->verify_archives(arguments.archives, arguments.order, progress_on_stderr());
}

/// Of a file that was named: how to go on lies there, not in the settings.
ExitCode about_file(const Context& context, const Error& error, std::string_view command) {
    if (error.code == Errc::key_unavailable)
        return context.console.fail(error, "vedfolnir keys audit prints the public key");
    if (error.code == Errc::bad_options || error.code == Errc::bad_value)
        return context.console.fail(error, fmt::format("vedfolnir audit {} --help", command));
    return context.console.fail(error);
}

ExitCode verify(const Context& context, const VerifyArguments& arguments) {
    ExitCode code{};
    // Archives need no database.
    const auto settings = arguments.archives.empty()
                              ? context.existing_settings(code, KeyRing::not_needed)
                              : context.valid_settings(code, KeyRing::not_needed);
    if (!settings) return code;
    const auto report = verify_report(*settings, arguments);
    if (!report) return about_file(context, report.error(), "verify");
    print(context, *report);
    return report->findings.empty() ? ExitCode::ok : ExitCode::failed;
}

ExitCode no_key(const Context& context) {
    return context.console.fail(ExitCode::usage, "key_unavailable",
                                "there is no audit key to check with",
                                "name the public key with --public-key FILE");
}

/// Where the heads of a copy are named, the proof must rest on one of them. Empty: it does.
Result<std::string> not_in_copy(const std::string& file, const audit::SignedHead& head) {
    if (file.empty()) return std::string();
    const auto heads = compose::read_heads(file, true);
    if (!heads) return heads.error();
    if (std::ranges::find(*heads, head) != heads->end()) return std::string();
    return fmt::format("head {} of the proof is not in {}", head.head.number, file);
}

ExitCode check_proof(const Context& context, const ProveArguments& arguments) {
    ExitCode code{};
    const auto settings = context.valid_settings(code, KeyRing::not_needed);
    if (!settings) return code;
    const auto desk = AuditDesk::open(*settings);
    if (!desk) return context.console.fail(desk.error());
    const auto text = config::read_file(arguments.check);
    if (!text) return about_file(context, text.error(), "prove");
    const auto proof = audit::parse_inclusion(*text);
    if (!proof) {
        return about_file(
            context,
            Error{proof.error().code,
                  fmt::format("{} is no proof: {}", arguments.check, proof.error().detail)},
            "prove");
    }
    const auto key = (*desk)->verify_key(arguments.public_key);
    if (!key) return about_file(context, key.error(), "prove");
    if (!*key) return no_key(context);
    auto wrong = Result<std::string>(audit::refusal(*proof, **key));
    if (wrong->empty()) wrong = not_in_copy(arguments.heads, proof->head);
    if (!wrong) return about_file(context, wrong.error(), "prove");
    if (!wrong->empty()) return context.console.fail(ExitCode::failed, "not_proven", *wrong);
    const auto& position = proof->entry.position;
    if (context.console.json) {
        context.console.print(json::object{{"valid", true},
                                           {"id", position.id},
                                           {"partition", position.partition},
                                           {"index", position.index},
                                           {"head", proof->head.head.number}});
    } else {
        context.console.print(fmt::format("Event {} ({}) is entry {} of partition {}, by head {}.",
                                          position.id, proof->entry.type, position.index,
                                          position.partition, proof->head.head.number),
                              Colour::green);
    }
    return ExitCode::ok;
}

ExitCode prove(const Context& context, const ProveArguments& arguments) {
    if ((arguments.event != 0) == !arguments.check.empty()) {
        return context.console.fail(ExitCode::usage, "usage",
                                    "name an event to prove, or a proof to check",
                                    "vedfolnir audit prove --help");
    }
    if (!arguments.check.empty()) return check_proof(context, arguments);
    ExitCode code{};
    const auto desk = open_desk(context, code, KeyRing::not_needed);
    if (!desk) return code;
    const auto proof = desk->prove(arguments.event);
    if (!proof) return context.console.fail(proof.error());
    context.console.print(audit::proof_text(*proof));
    return ExitCode::ok;
}

/// A head by its number, or the last one of a file.
Result<audit::SignedHead> head_of(AuditDesk& desk, const std::string& word) {
    std::uint64_t number = 0;
    const auto end = word.data() + word.size();
    if (const auto read = std::from_chars(word.data(), end, number);
        read.ec == std::errc{} && read.ptr == end)
        return desk.head(number);
    auto heads = compose::read_heads(word, true);
    if (!heads) return std::move(heads).error();
    if (heads->empty()) return Error{Errc::bad_value, fmt::format("{} holds no head", word)};
    return std::move(heads->back());
}

ExitCode consistency(const Context& context, const ConsistencyArguments& arguments) {
    ExitCode code{};
    const auto desk = open_desk(context, code, KeyRing::not_needed);
    if (!desk) return code;
    const auto first = head_of(*desk, arguments.first);
    if (!first) return about_file(context, first.error(), "consistency");
    const auto second = head_of(*desk, arguments.second);
    if (!second) return about_file(context, second.error(), "consistency");
    const auto key = desk->verify_key(arguments.public_key);
    if (!key) return about_file(context, key.error(), "consistency");
    if (!*key) return no_key(context);
    const auto proof = desk->prove(*first, *second);
    if (!proof) return context.console.fail(proof.error());
    if (const auto wrong = audit::refusal(*proof, **key); !wrong.empty())
        return context.console.fail(ExitCode::failed, "not_proven", wrong,
                                    "vedfolnir audit verify names the first bad entry");
    if (context.console.json) {
        context.console.print(audit::proof_text(*proof));
    } else {
        context.console.print(fmt::format("Head {} ({} entries) grew out of head {} ({} entries).",
                                          second->head.number, second->head.size,
                                          first->head.number, first->head.size),
                              Colour::green);
    }
    return ExitCode::ok;
}

ExitCode head(const Context& context, const HeadArguments& arguments) {
    ExitCode code{};
    const auto desk = open_desk(context, code, KeyRing::not_needed);
    if (!desk) return code;
    auto copy_to = arguments.copy_to;
    if (copy_to.empty() && arguments.sign) copy_to = desk->heads_file();
    const auto report = desk->heads(arguments.sign, copy_to);
    if (!report) return context.console.fail(report.error());
    if (!report->last) {
        return context.console.fail(ExitCode::failed, "not_found", "no head was signed yet",
                                    "vedfolnir audit head --sign");
    }
    const auto text = audit::head_text(*report->last);
    if (context.console.json) {
        context.console.print(json::object{
            {"head", json::parse(text)}, {"made", report->made}, {"copied", report->copied}});
        return ExitCode::ok;
    }
    context.console.print(text);
    return ExitCode::ok;
}

ExitCode erase(const Context& context, const EraseArguments& arguments) {
    if (!arguments.yes) {
        return context.console.fail(ExitCode::usage, "usage",
                                    "what is erased is unreadable for ever, for everybody",
                                    "repeat it with --yes");
    }
    ExitCode code{};
    const auto desk = open_desk_to_write(context, code);
    if (!desk) return code;
    const auto receipt = desk->erase(arguments.user, operator_name());
    if (!receipt) return context.console.fail(receipt.error());
    if (context.console.json) {
        context.console.print(json::object{{"subject", receipt->subject},
                                           {"erased", receipt->had_key},
                                           {"entries", receipt->entries}});
    } else if (receipt->had_key) {
        context.console.print(fmt::format(
            "The key of subject {} is deleted: what {} entries say of that person cannot "
            "be read any more.",
            receipt->subject, receipt->entries));
    } else {
        context.console.print(
            fmt::format("Subject {} has no key: nothing is left to erase.", receipt->subject));
    }
    return ExitCode::ok;
}

CLI::Option* add_public_key(CLI::App& command, std::string& into) {
    return command
        .add_option("--public-key", into,
                    "File with the public key; without it, that of the configured audit key")
        ->type_name("FILE")
        ->check(named());
}

template <class Arguments>
CLI::App* add(CLI::App& audit, Chosen& chosen, const char* name, const char* about,
              std::shared_ptr<Arguments> arguments,
              ExitCode (*run)(const Context&, const Arguments&)) {
    auto* command = audit.add_subcommand(name, about);
    command->callback([&chosen, arguments, run] {
        chosen.action = [arguments, run](Context& context) { return run(context, *arguments); };
    });
    return command;
}

}  // namespace

void add_audit_proof(CLI::App& audit, Chosen& chosen) {
    auto verifying = std::make_shared<VerifyArguments>();
    auto* command =
        add(audit, chosen, "verify", "Check every entry and head, and name the first bad one",
            verifying, verify);
    command
        ->add_option("--heads", verifying->order.heads_files,
                     "Copies of signed heads to compare with")
        ->type_name("FILE")
        ->check(named());
    command
        ->add_option("--archive", verifying->archives,
                     "Check these archives instead, without a database")
        ->type_name("FILE")
        ->check(named());
    add_public_key(*command, verifying->order.public_key_file);

    auto proving = std::make_shared<ProveArguments>();
    command = add(audit, chosen, "prove",
                  "Prove that an event is in the trail, or check such a proof", proving, prove);
    command->add_option("EVENT", proving->event, "Id of the event");
    command->add_option("--check", proving->check, "Check the proof in this file instead")
        ->type_name("FILE")
        ->check(named());
    command->add_option("--heads", proving->heads, "The proof must rest on a head of this copy")
        ->type_name("FILE")
        ->check(named());
    add_public_key(*command, proving->public_key);

    auto comparing = std::make_shared<ConsistencyArguments>();
    command = add(audit, chosen, "consistency", "Prove that one head grew out of another",
                  comparing, consistency);
    command
        ->add_option("HEAD1", comparing->first,
                     "Number of a head, or a file whose last line is one")
        ->required()
        ->check(named());
    command->add_option("HEAD2", comparing->second, "The later one")->required()->check(named());
    add_public_key(*command, comparing->public_key);

    auto erasing = std::make_shared<EraseArguments>();
    command = add(audit, chosen, "erase", "Make unreadable for ever what the trail says of a user",
                  erasing, erase);
    command->add_option("--user", erasing->user, "User id")->required()->check(named());
    command->add_flag("--yes", erasing->yes, "Do it");

    auto heading = std::make_shared<HeadArguments>();
    command = add(audit, chosen, "head", "The newest signed head", heading, head);
    command->add_flag("--sign", heading->sign, "Sign what no head covers yet");
    command
        ->add_option("--copy-to", heading->copy_to,
                     "Append all heads that are not in this file yet")
        ->type_name("FILE")
        ->check(named());
}

}  // namespace vedfolnir::cli
