using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Cli.Tests;

public class JsonLinesTests
{
    private const string Address = "net:192.168.1.4:8008~shs:A+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    private static readonly DateTimeOffset s_start = DateTimeOffset.FromUnixTimeMilliseconds(1_000_000);

    [Fact]
    public async Task Write_EachChange_IsOneLineOfItsOwnShape()
    {
        var time = new FakeTimeProvider(s_start);
        using var staging = new ConnStaging(new StagingOptions
        {
            TimeProvider = time,
            TimeToLive = new Dictionary<string, TimeSpan> { ["lan"] = TimeSpan.FromSeconds(10) },
        });
        await using Lines written = await Lines.BeginAsync(staging, time);
        staging.Stage(Address, new PeerData { Type = "lan", Verified = true });
        staging.Stage(Address, new PeerData { Type = "lan" }.With("note", "a \"b\"\n😀\u001b[2J"));
        time.Advance(TimeSpan.FromSeconds(10));
        staging.Stage(Address);
        staging.Unstage(Address);
        staging.Close();

        JsonElement[] lines = await written.EndAsync();

        Assert.Equal(["snapshot", "staged", "updated", "unstaged", "staged", "unstaged"], lines.Select(line => line.GetProperty("change").GetString()));
        Assert.Equal([0, 1, 2, 3, 4, 5], lines.Select(line => line.GetProperty("sequence").GetInt32()));
        Assert.All(lines[1..], line => Assert.Equal(1_010_000, line.GetProperty("at").GetInt64()));
        Assert.Equal(0, lines[0].GetProperty("entries").GetArrayLength());
        JsonElement entry = lines[2].GetProperty("entry");
        Assert.Equal(Address, entry[0].GetString());
        Assert.Equal("lan", entry[1].GetProperty("type").GetString());
        Assert.Equal(1_000_000, entry[1].GetProperty("stagingBirth").GetInt64());
        Assert.Equal("a \"b\"\n😀\u001b[2J", entry[1].GetProperty("note").GetString());
        Assert.Equal("expired", lines[3].GetProperty("reason").GetString());
        Assert.Equal("requested", lines[5].GetProperty("reason").GetString());
        Assert.False(lines[1].TryGetProperty("reason", out _));
    }

    [Fact]
    public async Task Write_SnapshotOfAFilledBench_HasItsEntries()
    {
        using var staging = new ConnStaging();
        staging.Stage("net:a:1");
        staging.Stage("net:b:2");
        await using Lines written = await Lines.BeginAsync(staging, TimeProvider.System);
        staging.Close();

        JsonElement line = Assert.Single(await written.EndAsync());

        Assert.Equal(["net:a:1", "net:b:2"], line.GetProperty("entries").EnumerateArray().Select(entry => entry[0].GetString()));
    }

    [Fact]
    public void Write_EveryReason_HasItsName()
    {
        using var staging = new ConnStaging();
        staging.Stage("net:a:1");
        StagedPeer peer = staging.Get("net:a:1")!; // staged just now
        foreach (UnstageReason reason in Enum.GetValues<UnstageReason>())
        {
            using var output = new MemoryStream();
            using var lines = new JsonLines(output, TimeProvider.System);
            lines.Write(new StagingChange.Removed(7, peer, reason));
            Assert.Contains($"\"reason\":\"{reason.ToString().ToLowerInvariant()}\"}}\n", Encoding.UTF8.GetString(output.ToArray()), StringComparison.Ordinal);
        }
    }

    /// <summary>Writes the lines of a bench: the snapshot at once, the rest when it is closed.</summary>
    private sealed class Lines(IAsyncEnumerator<StagingChange> changes, TimeProvider time) : IAsyncDisposable
    {
        private readonly MemoryStream _output = new();

        public static async Task<Lines> BeginAsync(ConnStaging staging, TimeProvider time)
        {
            IAsyncEnumerable<StagingChange> changes = staging.Changes(TestContext.Current.CancellationToken);
            var lines = new Lines(changes.GetAsyncEnumerator(TestContext.Current.CancellationToken), time);
            Assert.True(await lines.WriteNextAsync());
            return lines;
        }

        public async Task<JsonElement[]> EndAsync()
        {
            while (await WriteNextAsync())
            {
                // All that is there.
            }

            string text = Encoding.UTF8.GetString(_output.ToArray());
            Assert.EndsWith("\n", text, StringComparison.Ordinal);
            return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonElement.Parse(line))];
        }

        public async ValueTask DisposeAsync()
        {
            await changes.DisposeAsync();
            await _output.DisposeAsync();
        }

        private async Task<bool> WriteNextAsync()
        {
            if (!await changes.MoveNextAsync())
                return false;
            using var lines = new JsonLines(_output, time);
            lines.Write(changes.Current);
            return true;
        }
    }
}
