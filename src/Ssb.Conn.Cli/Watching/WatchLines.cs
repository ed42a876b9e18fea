using System.Text;
using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;

namespace Ssb.Conn.Cli.Watching;

/// <summary>Writes what happens as JSON, one object a line.</summary>
/// <param name="output">Where to.</param>
/// <param name="time">The clock.</param>
/// <param name="isMasked">Is what is not known to be public left out, as in the journal of a service?</param>
internal sealed class WatchLines(TextWriter output, TimeProvider time, bool isMasked = false)
{
    private const int Piece = 32 * 1024; // characters

    private static readonly string[] s_extras = ["conn.dismiss", "conn.rules", "conn.why", "conn.dbPeersLive"];

    private readonly Dictionary<Pool, Dictionary<string, RemoteEntry>> _pools = [];

    /// <exception cref="IOException">Nobody reads any more, or it cannot be written.</exception>
    public async Task WriteAsync(WatchEvent happened)
    {
        switch (happened)
        {
            case WatchEvent.Attached attached:
                _pools.Clear();
                string lacks = string.Join(',', s_extras.Where(name => !attached.Has(name)).Select(JsonText.Quoted));
                await LineAsync("attached", $"\"peer\":{JsonText.Quoted(attached.Where)},\"lacks\":[{lacks}]");
                break;
            case WatchEvent.Gone gone:
                await LineAsync("gone", $"\"reason\":{JsonText.Quoted(gone.Reason)},\"retryIn\":{(long)gone.Pause.TotalMilliseconds}");
                break;
            case WatchEvent.Entries entries:
                await ChangesAsync(entries);
                break;
        }
    }

    private async Task ChangesAsync(WatchEvent.Entries entries)
    {
        string pool = entries.Pool switch { Pool.Bench => "staging", Pool.Hub => "hub", _ => "db" };
        var now = new Dictionary<string, RemoteEntry>(entries.Peers.Count);
        foreach (RemoteEntry entry in entries.Peers)
            now[entry.Address] = entry;
        if (!_pools.TryGetValue(entries.Pool, out Dictionary<string, RemoteEntry>? before))
        {
            await SnapshotAsync(pool, now.Values);
        }
        else
        {
            foreach ((string address, RemoteEntry entry) in before)
            {
                if (!now.ContainsKey(address))
                    await LineAsync("removed", $"\"pool\":\"{pool}\",\"entry\":{Json(entry)}");
            }

            foreach ((string address, RemoteEntry entry) in now)
            {
                RemoteEntry? old = before.GetValueOrDefault(address);
                if (old is null || !old.IsLike(entry))
                    await LineAsync(old is null ? "added" : "updated", $"\"pool\":\"{pool}\",\"entry\":{Json(entry)}");
            }
        }

        _pools[entries.Pool] = now;
    }

    // In pieces: as one text, a pool of thousands would be held several times over.
    private async Task SnapshotAsync(string pool, IEnumerable<RemoteEntry> entries)
    {
        var piece = new StringBuilder(Start("snapshot")).Append($"\"pool\":\"{pool}\",\"entries\":[");
        bool isFirst = true;
        bool isBegun = false;
        try
        {
            foreach (RemoteEntry entry in entries)
            {
                piece.Append(isFirst ? "" : ",").Append(Json(entry));
                isFirst = false;
                if (piece.Length < Piece)
                    continue;
                isBegun = true;
                await output.WriteAsync(piece.ToString());
                piece.Clear();
            }

            await output.WriteLineAsync(piece.Append("]}").ToString());
        }
        catch when (isBegun)
        {
            await output.WriteLineAsync(); // what follows is to be a line of its own
            throw;
        }
    }

    private string Json(RemoteEntry entry) => isMasked ? entry.MaskedJson() : entry.Json;

    private Task LineAsync(string change, string rest) =>
        output.WriteLineAsync($"{Start(change)}{rest}}}");

    private string Start(string change) => $"{{\"change\":\"{change}\",\"at\":{time.GetUtcNow().ToUnixTimeMilliseconds()},";
}
