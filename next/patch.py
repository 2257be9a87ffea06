import shutil,os,glob
R='/work/hd/'; N='/tmp/hd_next/'
def sub(p, pairs):
    s=open(R+p).read()
    for a,b in pairs:
        assert a in s, (p,a)
        s=s.replace(a,b,1)
    open(R+p,'w').write(s)
for f in glob.glob(N+'src/*/*'): shutil.copy(f,R+f[len(N):])
for f in glob.glob(N+'apps/*'): shutil.copy(f,R+'apps/vedfolnir/commands/'+os.path.basename(f))
for f in glob.glob(N+'queries/*'): shutil.copy(f,R+'storage/sql/queries/'+os.path.basename(f))
for f in glob.glob(N+'tests/*'): shutil.copy(f,R+'tests/integration/'+os.path.basename(f))
sub('src/compose/audit_desk.hpp',[
('#include "sql/audit_trail.hpp"\n','#include "sql/audit_retention.hpp"\n#include "sql/audit_trail.hpp"\n'),
('/// Calls block, each statement','''struct ArchiveReport {
    std::vector<std::uint64_t> partitions;  ///< Moved into the file.
    std::vector<std::uint64_t> held;        ///< Old enough, but under a hold.
    std::uint64_t entries = 0;
};

/// Takes one event after the other; false: no more of them.
using EventSink = std::function<bool(const async::AuditEvent&)>;

class ArchiveWriter;

/// Calls block, each statement'''),
('''    /// The public half of the configured key, or of `file`.''','''    /// As `verify`, for an archive; needs no database. Errors also: bad_value (the file is no archive).
    [[nodiscard]] Result<VerifyReport> verify_archive(const std::string& path,
                                                      const VerifyOrder& order,
                                                      const Progress& progress);

    /// Moves the partitions that ended before `before` into a new file: signs, writes, reads back and verifies, then
    /// removes. A run that was killed is finished by the next one. Errors: those of `heads`; bad_options (the file);
    /// conflict (what was written does not verify; nothing was removed).
    [[nodiscard]] Result<ArchiveReport> archive(TimePoint before, const std::string& path,
                                                const std::string& actor, const Progress& progress);
    /// An empty reason ends the hold; false: there was none.
    [[nodiscard]] Result<bool> hold(std::uint64_t partition, const std::string& reason,
                                    const std::string& actor);
    [[nodiscard]] Result<sql::ErasureReceipt> erase(const std::string& user_id,
                                                    const std::string& actor);

    /// Every event, oldest first.
    [[nodiscard]] Result<void> each_event(const EventSink& sink);
    /// Every event of an archive; the keys of persons are in the database.
    [[nodiscard]] Result<void> each_event_of(const std::string& archive, const EventSink& sink);

    /// The public half of the configured key, or of `file`.'''),
('''    [[nodiscard]] Result<std::size_t> copy_heads(const std::string& path);
''','''    [[nodiscard]] Result<std::size_t> copy_heads(const std::string& path);
    [[nodiscard]] Result<std::shared_ptr<const audit::Sealer>> sealer();
    [[nodiscard]] Result<void> purge();
    [[nodiscard]] Result<void> write_partition(const sql::PartitionState& partition,
                                               const std::vector<audit::SignedHead>& heads,
                                               ArchiveWriter& file, const Progress& progress);
'''),
])
sub('src/compose/audit_verify.cpp',[
('''void check_partitions(const sql::TrailState& state, std::vector<audit::Finding>& findings) {
    using audit::Fault;
''','''void check_partitions(const sql::TrailState& state, VerifyReport& report) {
    using audit::Fault;
    auto& findings = report.findings;
'''),
('check_partitions(*state, report.findings);','check_partitions(*state, report);'),
('''    if (state.ids->first < static_cast<std::int64_t>(lowest)) {''','''    const bool archived = std::ranges::any_of(state.partitions, [&](const auto& partition) {
        const auto id = static_cast<std::uint64_t>(state.ids->first);
        return partition.dropped && state.ids->first > 0 && id >= partition.first_id &&
               id < partition.first_id + partition.size;
    });
    if (archived) {
        report.notes.emplace_back(
            "an archiving that was interrupted has left entries behind: run vedfolnir audit archive again");
    } else if (state.ids->first < static_cast<std::int64_t>(lowest)) {'''),
])
s=open(R+'apps/vedfolnir/commands/audit.cpp').read()
i=s.index('json::object entry_json('); j=s.index('void print(const Context& context, const std::vector<AuditEntry>')
s=s[:i]+s[j:]
s=s.replace('#include "commands/audit_proof.hpp"\n','#include "commands/audit_keep.hpp"\n#include "commands/audit_proof.hpp"\n#include "commands/audit_view.hpp"\n')
s=s.replace('    add_audit_proof(*audit, chosen);\n','    add_audit_proof(*audit, chosen);\n    add_audit_keep(*audit, chosen);\n')
s=s.replace('#include <boost/json/parse.hpp>\n','')
open(R+'apps/vedfolnir/commands/audit.cpp','w').write(s)
s=open(R+'apps/vedfolnir/commands/audit_proof.cpp').read()
i=s.index('/// On stderr, once something'); j=s.index('json::object finding_json(')
s=s[:i]+s[j:]
s=s.replace('#include "commands/audit_proof.hpp"\n','#include "commands/audit_proof.hpp"\n\n#include "commands/audit_view.hpp"',1) if False else s
s=s.replace('#include "compose/audit_desk.hpp"\n','#include "commands/audit_view.hpp"\n#include "compose/audit_desk.hpp"\n',1)
s=s.replace('''struct VerifyArguments {
    compose::VerifyOrder order;
};''','''struct VerifyArguments {
    compose::VerifyOrder order;
    std::string archive;
};''')
i=s.index('ExitCode verify(const Context& context'); j=s.index('ExitCode no_key(')
s=s[:i]+'''ExitCode verify(const Context& context, const VerifyArguments& arguments) {
    ExitCode code{};
    const bool of_archive = !arguments.archive.empty();
    const auto settings =
        of_archive ? context.valid_settings(code) : context.existing_settings(code);
    if (!settings) return code;
    const auto desk = AuditDesk::open(*settings);
    if (!desk) return context.console.fail(desk.error());
    const auto progress = progress_on_stderr();
    const auto report =
        of_archive ? (*desk)->verify_archive(arguments.archive, arguments.order, progress)
                   : (*desk)->verify(arguments.order, progress);
    if (!report) return context.console.fail(report.error());
    print(context, *report);
    return report->findings.empty() ? ExitCode::ok : ExitCode::failed;
}

'''+s[j:]
s=s.replace('''    add_public_key(*command, verifying->order.public_key_file);
''','''    command->add_option("--archive", verifying->archive, "Check this archive instead of the database")
        ->type_name("FILE")
        ->check(named());
    add_public_key(*command, verifying->order.public_key_file);
''',1)
s=s.replace('#include <chrono>\n#include <cstdio>\n','')
open(R+'apps/vedfolnir/commands/audit_proof.cpp','w').write(s)

sub('docs/internals/audit_proof.md',[('''## Unknown versions''','''## Archive

Lines of JSON, one partition after the other: a header, the entries in order, then the partition's signed heads.

```
{"format":"vedfolnir-audit-archive-1","partition":202601,"first_id":1,"size":3,"frontier":"<base64url>"}
{"id":1,"partition":202601,"index":0,"at_ms":1767225600000,"type":"session.created","handle":"<32 hex, or null>","operation":"<32 hex, or null>","part":0,"subject":"<32 hex>","personal":"<base64url>","leaf":"<64 hex>"}
{"format":"vedfolnir-audit-head-1",…}
```

Personal texts stay sealed in it, and their keys stay in the database: erasing somebody erases them in archives, too.

## Unknown versions''')])
sub('docs/reference/cli.md',[('''## `vedfolnir audit prove EVENT`''','''`--archive FILE` checks an archive instead; it needs no database.

## `vedfolnir audit prove EVENT`'''),
('''## `vedfolnir bench`''','''## `vedfolnir audit archive --before TIME FILE`

Moves the months that ended before a time into a new file, and removes them from the database once the file was read back and
verified. Heads are signed first; they and the months' frontiers stay, so proofs made before still hold. A month under a hold stays
(`audit hold 202601 --reason TEXT`, `audit release 202601`). JSON: `archived[]`, `held[]`, `entries`.

## `vedfolnir audit export`

All events on stdout, oldest first: `--format jsonl` (the fields of `audit list`) or `csv`, in which a cell that begins like a formula has
`'` before it. `--since TIME`, `--until TIME`; `--archive FILE` reads an archive.

## `vedfolnir audit erase --user USER`

Deletes the key under which the trail says something of this user: user id, actor and detail of all entries so far are unreadable from
here on, in archives, too; type, time, handle and the user's tag stay, and everything verifies. Prints a receipt, and leaves the event
`audit.erased`. Sessions and their rows are not touched. JSON: `subject`, `erased`, `entries`, `at`.

## `vedfolnir bench`''')])
sub('docs/reference/audit_events.md',[('''| `cookie.ambiguous` |''','''| `audit.archived` | a month of the trail was moved into an archive | `partition`, `entries` | in one transaction with it |
| `audit.held`, `audit.released` | a month must stay whatever its age; or need not any more | `partition` | in one transaction with it |
| `audit.erased` | what the trail says of a subject was made unreadable | `subject` | in one transaction with it |
| `cookie.ambiguous` |''')])
sub('docs/operate/audit.md',[('''## One event''','''## Every month

`vedfolnir audit archive --before 365d /backup/audit-until-2025.jsonl` moves whole months into a file and removes them once that was read
back and verified. Keep the file where backups lie; `audit verify --archive`, `audit export --archive` read it, and compressing it
is up to you. `audit hold 202601 --reason "case 17"` keeps a month whatever its age.

## Somebody wants to be forgotten

`vedfolnir audit erase --user 4711` deletes that person's key and prints a receipt. The entries stay as pseudonyms: when, what, and a
tag that still ties them together. Backups of the database from before still hold the key: let them expire.

## One event''')])
sub('CHANGELOG.md',[('''  elsewhere, and `vedfolnir audit verify`''','''  elsewhere, old months move into archives (`audit archive`, `hold`, `export`), a user is erased by deleting a key
  (`audit erase`), and `vedfolnir audit verify`''')])
sub('src/audit/README.md',[('''| `json_fields` |''','''| `archive` | whole partitions as lines of JSON |
| `json_fields` |''')])
sub('src/sql/README.md',[('''| `rows` | between''','''| `audit_retention` | what removes something from the trail, and what forbids it |
| `rows` | between''')])
sub('src/compose/README.md',[('''| `audit_keys` |''','''| `audit_keep`, `audit_files` | Archives, holds, erasure, export |
| `audit_keys` |''')])
