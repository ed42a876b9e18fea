using System.CommandLine;
using Ssb.Conn.Cli.Remote;

namespace Ssb.Conn.Cli.Commands;

/// <summary><c>staged</c>, <c>peers</c> and <c>db</c>: what a running peer has in one of its pools.</summary>
internal sealed class ListCommand : CliCommand
{
    private readonly Pool _pool;
    private readonly string _procedure;
    private readonly string _nobody;
    private readonly TimeProvider _time;

    private ListCommand(Pool pool, string name, string procedure, string description, string nobody, string columns, string fields, TimeProvider time)
        : base(name, description, Help(name, columns, fields))
    {
        (_pool, _procedure, _nobody, _time) = (pool, procedure, nobody, time);
        RemoteOptions.AddTo(this);
    }

    public static ListCommand Staged(TimeProvider time) => new(
        Pool.Bench, "staged", "conn.stagedPeers", "List the peers that a running peer could connect to.", "Nobody is staged.",
        "AGE is the time since the peer was staged, HEARD the time since it was last heard of.",
        "\"type\":\"lan\",\"stagingBirth\":MS,\"stagingUpdated\":MS", time);

    public static ListCommand Peers(TimeProvider time) => new(
        Pool.Hub, "peers", "conn.peers", "List the peers that a running peer is connected with, or is about to be.", "Nobody is connected.",
        "SINCE is the time since the state changed; of a JavaScript peer the longest that it can be, as ≤13m.",
        "\"state\":\"connected\",\"hubBirth\":MS,\"hubStateSince\":MS", time);

    public static ListCommand Db(TimeProvider time) => new(
        Pool.Book, "db", "conn.dbPeers", "List the address book of a running peer.", "The address book is empty.",
        "FAILED counts attempts since the last connection, SINCE is the time since the last attempt or connection.",
        "\"type\":\"pub\",\"birth\":MS,\"failure\":0", time);

    public override Task<int> RunAsync(ParseResult parsed, CliConsole console) => RemoteRun.RunAsync(parsed, _time, async (peer, cancellationToken) =>
    {
        IReadOnlyList<RemoteEntry> entries = _pool == Pool.Book
            ? await peer.ListAsync(_procedure, cancellationToken)
            : await peer.FirstListAsync(_procedure, cancellationToken);
        if (RemoteOptions.IsJson(parsed))
        {
            foreach (RemoteEntry entry in entries)
                await console.Output.WriteLineAsync(entry.Json);
        }
        else if (entries.Count == 0)
        {
            await console.Output.WriteLineAsync(_nobody);
        }
        else
        {
            var table = new TextTable([.. PoolTable.Headings(_pool)]);
            foreach (RemoteEntry entry in entries)
                table.Add(PoolTable.Cells(_pool, entry, _time.GetUtcNow()));
            table.Write(console.Output, console.Width);
        }
    });

    private static string Help(string name, string columns, string fields) =>
        $$"""
        {{columns}}
        Secrets in addresses are masked, except in JSON.

        Examples:
          ssb-conn {{name}}
          ssb-conn {{name}} --path ~/.ssb-test
          ssb-conn {{name}} --json | jq -r '.[0]'

        JSON lines, one for each peer, none for nobody (MS is Unix time in milliseconds):
          ["net:HOST:PORT~shs:KEY",{"key":"@KEY.ed25519",{{fields}}}]
          It is what the peer itself says: fields may be missing, and more may be there.

        {{RemoteOptions.Help}}

        {{RemoteOptions.ExitCodes}}
        """;
}
