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
        IAsyncEnumerable<StagingChange> changes = staging.Changes(TestContext.Current.CancellationToken);
        staging.Stage(Address, new StagedData { Type = "lan", Verified = true });
        staging.Stage(Address, new StagedData { Type = "lan" }.With("note", "a \"b\"\n😀\u001b[2J"));
        time.Advance(TimeSpan.FromSeconds(10));
        staging.Stage(Address);
        staging.Unstage(Address);
        staging.Close();

        JsonElement[] lines = await WriteAsync(changes, time);

        Assert.Equal(["snapshot", "staged", "updated", "unstaged", "staged", "unstaged"], lines.Select(line => line.GetProperty("change").GetString()));
        Assert.Equal([0, 1, 2, 3, 4, 5], lines.Select(line => line.GetProperty("sequence").GetInt32()));
        Assert.All(lines, line => Assert.Equal(1_010_000, line.GetProperty("at").GetInt64()));
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
        IAsyncEnumerable<StagingChange> changes = staging.Changes(TestContext.Current.CancellationToken);
        staging.Close();

        JsonElement line = Assert.Single(await WriteAsync(changes, TimeProvider.System));

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

    private static async Task<JsonElement[]> WriteAsync(IAsyncEnumerable<StagingChange> changes, TimeProvider time)
    {
        using var output = new MemoryStream();
        using (var lines = new JsonLines(output, time))
        {
            await foreach (StagingChange change in changes)
                lines.Write(change);
        }

        string text = Encoding.UTF8.GetString(output.ToArray());
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonElement.Parse(line))];
    }
}
