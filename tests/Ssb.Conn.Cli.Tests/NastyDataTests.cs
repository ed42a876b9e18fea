using System.Text;

namespace Ssb.Conn.Cli.Tests;

/// <summary>Nasty JSON that is typed, and that a running peer tells.</summary>
public class NastyDataTests
{
    private const string Address = "net:192.168.1.4:8008~noauth";

    public static TheoryData<string, string> Listed =>
        [.. NastyJson.All.Where(row => NastyJson.IsJson(row.Data.Item2) && row.Data.Item3 is not null).Select(row => new TheoryDataRow<string, string>(row.Data.Item1, row.Data.Item2))];

    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public async Task Remember_NastyData_AreSentAsJavaScriptWritesThem_OrRefusedWithTheReason(string what, string json, string? kept)
    {
        Assert.NotEmpty(what);
        await using var peer = new PeerStandIn();
        (int code, _, string error) = await Cli.RunAsync(["remember", Address, "--data", json, .. peer.Options]);
        if (kept is null)
        {
            Assert.Equal(NastyJson.IsJson(json) ? 1 : 2, code);
            Assert.Contains(NastyJson.IsJson(json) ? "nested 60 levels deep at most" : "Not JSON", error, StringComparison.Ordinal);
            Assert.False(peer.Calls.Reader.TryRead(out _));
            return;
        }

        Assert.Equal((0, ""), (code, error));
        Assert.True(peer.Calls.Reader.TryRead(out string? call));
        Assert.Equal($"""conn.remember ["{Address}",{Stringify(json)}]""", call);
    }

    [Theory, MemberData(nameof(Listed))]
    public async Task Db_NastyDataOfAPeer_AreShown(string what, string json)
    {
        Assert.NotEmpty(what);
        await using var peer = new PeerStandIn();
        peer.Set("db", $"[[\"{Address}\",{json}],[\"net:192.168.1.5:8008~noauth\",{{}}]]");
        (int code, string output, string error) = await Cli.RunAsync(["db", "--json", .. peer.Options]);
        Assert.Equal((0, ""), (code, error));
        Assert.Equal([$"""["{Address}",{Stringify(json)}]""", """["net:192.168.1.5:8008~noauth",{}]"""], output.TrimEnd().Split('\n'));
        (code, output, error) = await Cli.RunAsync(["db", .. peer.Options]);
        Assert.Equal((0, "", 3), (code, error, output.TrimEnd().Split('\n').Length));
    }

    [Fact]
    public async Task Db_AListNestedTooDeep_IsAFailureWithTheReason()
    {
        await using var peer = new PeerStandIn();
        peer.Set("db", $"[[\"{Address}\",{{\"x\":{NastyJson.Nested(70)}}}]]");
        (int code, _, string error) = await Cli.RunAsync(["db", .. peer.Options]);
        Assert.Equal(1, code);
        Assert.Contains("deeper than 64 levels", error, StringComparison.Ordinal);
    }

    private static string Stringify(string json) => Encoding.UTF8.GetString(JavaScriptJson.Compact(Encoding.UTF8.GetBytes(json)));
}
