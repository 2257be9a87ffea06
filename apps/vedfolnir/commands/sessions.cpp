// vedfolnir sessions list | show | end
#include "commands/commands.hpp"
#include "commands/session_view.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

constexpr std::uint32_t page_max = 1000;

struct ListArguments {
    std::string user;
    bool ended = false;
    std::uint32_t limit = 100;
    std::string after;
};

struct EndArguments {
    std::string handle;
    std::string user;
    std::string all_of_user;
    std::string keep;
    bool dry_run = false;
};

ExitCode bad_handle(const Context& context) {
    return context.console.fail(ExitCode::usage, "usage", "a handle is 32 hexadecimal digits",
                                "vedfolnir sessions list shows the handles");
}

ExitCode not_found(const Context& context, std::string_view text) {
    return context.console.fail(ExitCode::failed, "not_found", text,
                                "vedfolnir sessions list --ended shows what there was");
}

void print_list(const Context& context, const std::vector<SessionInfo>& sessions,
                std::uint32_t limit) {
    const bool more = sessions.size() == limit;
    if (context.console.json) {
        json::array items;
        for (const auto& info : sessions) items.push_back(session_json(info));
        json::value next;
        if (more) next = sessions.back().handle.text();
        context.console.print(
            json::object{{"sessions", std::move(items)}, {"next", std::move(next)}});
        return;
    }
    if (sessions.empty()) {
        context.console.print("No sessions.");
        return;
    }
    const auto now = wall_clock_now();
    Table table(
        {"HANDLE", "USER", "STATE", "CREATED", "LAST SEEN", "ENDS", "PLATFORM", "PLACE", "DEVICE"});
    for (const auto& info : sessions) table.add(session_row(info, now), state_colour(info));
    context.console.print(table);
    if (more)
        context.console.print(fmt::format("More: --after {}", sessions.back().handle.text()),
                              Colour::dim);
}

ExitCode list(const Context& context, const ListArguments& arguments) {
    ListQuery query{
        .user_id = arguments.user, .include_ended = arguments.ended, .limit = arguments.limit};
    if (!arguments.after.empty()) {
        query.after = Handle::parse(arguments.after);
        if (!query.after) return bad_handle(context);
    }
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto sessions = manager->list(query);
    if (!sessions) return context.console.fail(sessions.error());
    print_list(context, *sessions, arguments.limit);
    return ExitCode::ok;
}

// The session of that handle, ended or not; reports why there is none.
std::optional<SessionInfo> find(const Context& context, const SessionManager& manager,
                                const std::string& text, ExitCode& code) {
    const auto handle = Handle::parse(text);
    if (!handle) {
        code = bad_handle(context);
        return std::nullopt;
    }
    auto found = manager.list({.user_id = {}, .include_ended = true, .limit = 1, .handle = handle});
    if (!found) {
        code = context.console.fail(found.error());
        return std::nullopt;
    }
    if (found->empty()) {
        code = not_found(context, "no session has this handle (anonymous sessions have none)");
        return std::nullopt;
    }
    return std::move(found->front());
}

ExitCode show(const Context& context, const std::string& text) {
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto info = find(context, *manager, text, code);
    if (!info) return code;
    if (context.console.json) {
        context.console.print(json::object{{"session", session_json(*info)}});
    } else {
        context.console.print(session_details(*info, wall_clock_now()));
    }
    return ExitCode::ok;
}

ExitCode report_ending(const Context& context, Ending ending, std::uint32_t count) {
    if (context.console.json) {
        context.console.print(
            json::object{{"ending", to_string(ending)}, {"sessions", count}, {"dry_run", false}});
    }
    switch (ending) {
    case Ending::ended:
        if (!context.console.json) {
            context.console.print(count == 1 ? std::string("Ended.")
                                             : fmt::format("Ended {} sessions.", count));
        }
        return ExitCode::ok;
    case Ending::pending:
        if (!context.console.json) context.console.print("Pending.");
        context.console.warn(written_down);
        return ExitCode::unavailable;
    case Ending::absent:
        break;
    }
    if (context.console.json) return ExitCode::failed;
    return not_found(context, "there was no live session to end");
}

ExitCode dry_run(const Context& context, const std::vector<SessionInfo>& sessions) {
    if (context.console.json) {
        json::array items;
        for (const auto& info : sessions) items.push_back(session_json(info));
        context.console.print(json::object{{"would_end", std::move(items)}, {"dry_run", true}});
    } else if (sessions.empty()) {
        context.console.print("Would end nothing.");
    } else {
        context.console.print(fmt::format("Would end {} (nothing was changed):", sessions.size()));
        const auto now = wall_clock_now();
        Table table({"HANDLE", "USER", "STATE", "CREATED", "LAST SEEN", "ENDS", "PLATFORM", "PLACE",
                     "DEVICE"});
        for (const auto& info : sessions) table.add(session_row(info, now), state_colour(info));
        context.console.print(table);
    }
    return sessions.empty() ? ExitCode::failed : ExitCode::ok;
}

ExitCode end_all(const Context& context, const SessionManager& manager,
                 const EndArguments& arguments) {
    std::optional<Handle> keep;
    if (!arguments.keep.empty()) {
        keep = Handle::parse(arguments.keep);
        if (!keep) return bad_handle(context);
    }
    if (arguments.dry_run) {
        std::vector<SessionInfo> affected;
        ListQuery query{
            .user_id = arguments.all_of_user, .include_ended = false, .limit = page_max};
        for (;;) {
            auto page = manager.list(query);
            if (!page) return context.console.fail(page.error());
            const bool last = page->size() < page_max;
            if (!last) query.after = page->back().handle;
            for (auto& info : *page) {
                if (info.handle != keep) affected.push_back(std::move(info));
            }
            if (last) break;
        }
        return dry_run(context, affected);
    }
    std::uint32_t count = 0;
    const auto ending = manager.end_user(arguments.all_of_user, keep, EndReason::ended_by_operator,
                                         operator_name(), &count);
    if (!ending) return context.console.fail(ending.error());
    return report_ending(context, *ending, count);
}

ExitCode end_one(const Context& context, const SessionManager& manager,
                 const EndArguments& arguments) {
    if (!Handle::parse(arguments.handle)) return bad_handle(context);
    if (arguments.dry_run) {
        ExitCode code{};
        auto info = find(context, manager, arguments.handle, code);
        if (!info) return code;
        const bool affected =
            !info->ended && (arguments.user.empty() || arguments.user == info->user_id);
        std::vector<SessionInfo> sessions;
        if (affected) sessions.push_back(std::move(*info));
        return dry_run(context, sessions);
    }
    const auto ending = manager.end(arguments.handle, EndReason::ended_by_operator, operator_name(),
                                    arguments.user);
    if (!ending) return context.console.fail(ending.error());
    return report_ending(context, *ending, *ending == Ending::absent ? 0 : 1);
}

ExitCode end(const Context& context, const EndArguments& arguments) {
    if (arguments.handle.empty() == arguments.all_of_user.empty()) {
        return context.console.fail(ExitCode::usage, "usage",
                                    "name either one HANDLE or --all-of-user USER",
                                    "vedfolnir sessions end --help");
    }
    ExitCode code{};
    const auto manager = context.open_manager(code);
    if (!manager) return code;
    // An ending counts also while SQL is away: it waits for it in the journal.
    if (!context.may_write(manager->options(), code, Doubt::warns)) return code;
    return arguments.handle.empty() ? end_all(context, *manager, arguments)
                                    : end_one(context, *manager, arguments);
}

}  // namespace

void add_sessions(CLI::App& app, Chosen& chosen) {
    auto* sessions = app.add_subcommand("sessions", "List, show and end sessions");
    sessions->require_subcommand(1);

    auto listing = std::make_shared<ListArguments>();
    auto* list_command =
        sessions->add_subcommand("list", "Sessions of logged-in users, newest first");
    list_command->add_option("--user", listing->user, "Only sessions of this user id")
        ->type_name("USER")
        ->check(named());
    list_command->add_flag("--ended", listing->ended, "Ended sessions, too");
    list_command->add_option("--limit", listing->limit, "At most this many (up to 1000)")
        ->check(CLI::Range(1U, page_max));
    list_command->add_option("--after", listing->after, "Continue after this handle")
        ->type_name("HANDLE")
        ->check(named());
    list_command->callback([&chosen, listing] {
        chosen.action = [listing](Context& context) { return list(context, *listing); };
    });

    auto shown = std::make_shared<std::string>();
    auto* show_command =
        sessions->add_subcommand("show", "One session, without its data (see inspect)");
    show_command->add_option("HANDLE", *shown, "The session's handle")->required();
    show_command->callback([&chosen, shown] {
        chosen.action = [shown](Context& context) { return show(context, *shown); };
    });

    auto ending = std::make_shared<EndArguments>();
    auto* end_command =
        sessions->add_subcommand("end", "End one session, or all of a user; audited");
    end_command->add_option("HANDLE", ending->handle, "The session's handle");
    end_command->add_option("--user", ending->user, "Only if the session belongs to this user id")
        ->type_name("USER")
        ->check(named());
    auto* all =
        end_command
            ->add_option("--all-of-user", ending->all_of_user, "All sessions of this user id")
            ->type_name("USER")
            ->check(named());
    end_command->add_option("--keep", ending->keep, "All but this one")
        ->type_name("HANDLE")
        ->check(named())
        ->needs(all);
    end_command->add_flag("--dry-run", ending->dry_run, "Show what would end and change nothing");
    end_command->callback([&chosen, ending] {
        chosen.action = [ending](Context& context) { return end(context, *ending); };
    });
}

}  // namespace vedfolnir::cli
