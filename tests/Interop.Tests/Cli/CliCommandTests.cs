using System.Text.Json;
using Interop.Tests.Harness;
using Interop.Tests.Rooms;

namespace Interop.Tests.Cli;

/// <summary>The commands of the tool on a JavaScript peer with ssb-conn 6.0.4.</summary>
public class CliCommandTests
{
    private const string Elsewhere = "net:10.0.0.1:8008~shs:mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=";

    [Fact]
    public async Task Commands_OnAJavaScriptPeer_DoWhatTheySay()
    {
        await using CliPeer peer = await CliPeer.StartAsync();
        await using CliPeer other = await CliPeer.StartAsync();
        Assert.Empty(await peer.LinesAsync("staged"));

        Assert.True(Result(await peer.LinesAsync("stage", other.Address, "--type", "lan", "--data", """{"name":"bob ☃"}""")).GetBoolean());
        Assert.False(Result(await peer.LinesAsync("stage", other.Address)).GetBoolean());
        JsonElement staged = Assert.Single(await peer.LinesAsync("staged"));
        Assert.Equal(other.Address, staged[0].GetString());
        Assert.Equal((other.Id, "bob ☃"), (staged[1].GetProperty("key").GetString(), staged[1].GetProperty("name").GetString()));

        Assert.Equal(other.Id, Result(await peer.LinesAsync("connect", other.Address)).GetProperty("id").GetString());
        JsonElement connected = Assert.Single(await peer.LinesAsync("peers"));
        Assert.Equal((other.Address, "connected"), (connected[0].GetString(), connected[1].GetProperty("state").GetString()));
        (int code, string table) = await peer.RunAsync("peers");
        Assert.Equal(0, code);
        Assert.Matches(@"^PEER +TYPE +STATE +SINCE +ADDRESS\n@\S+ +\S+ +connected +≤?\d+s +net:127\.0\.0\.1:", table);
        Assert.True(Result(await peer.LinesAsync("disconnect", other.Address)).GetBoolean());
        Assert.False(Result(await peer.LinesAsync("disconnect", Elsewhere)).GetBoolean());

        Assert.Equal(JsonValueKind.Null, Result(await peer.LinesAsync("remember", Elsewhere, "--type", "pub", "--data", """{"autoconnect":false}""")).ValueKind);
        JsonElement remembered = (await peer.LinesAsync("db")).Single(entry => entry[0].GetString() == Elsewhere);
        Assert.Equal(("pub", false), (remembered[1].GetProperty("type").GetString(), remembered[1].GetProperty("autoconnect").GetBoolean()));
        await peer.LinesAsync("forget", Elsewhere);
        Assert.DoesNotContain(await peer.LinesAsync("db"), entry => entry[0].GetString() == Elsewhere);

        await peer.LinesAsync("stage", Elsewhere);
        Assert.True(Result(await peer.LinesAsync("unstage", Elsewhere)).GetBoolean());
        Assert.False(Result(await peer.LinesAsync("unstage", Elsewhere)).GetBoolean());
    }

    // By who it is, and by the URI of that: what the JavaScript peer is told are addresses.
    [Fact]
    public async Task Commands_OnAJavaScriptPeer_TakeFeedIdsAndUris()
    {
        await using CliPeer peer = await CliPeer.StartAsync();
        await using CliPeer other = await CliPeer.StartAsync();
        string uri = $"ssb:feed/ed25519/{other.Id[1..^8].Replace('+', '-').Replace('/', '_')}";
        string addressUri = $"ssb:address/multiserver?multiserverAddress={Uri.EscapeDataString(other.Address)}";
        Assert.True(Result(await peer.LinesAsync("stage", addressUri)).GetBoolean());
        Assert.Equal(other.Address, Assert.Single(await peer.LinesAsync("staged"))[0].GetString());
        await peer.LinesAsync("remember", addressUri);

        Assert.Equal(other.Id, Result(await peer.LinesAsync("connect", uri)).GetProperty("id").GetString());
        Assert.Equal((0, $"{other.Id} is connected already.\n"), await peer.RunAsync("connect", other.Id));
        Assert.True(Result(await peer.LinesAsync("disconnect", other.Id)).GetBoolean());
        Assert.Contains("was not connected", (await peer.RunAsync("disconnect", uri)).Output, StringComparison.Ordinal);
        await peer.LinesAsync("stage", other.Address);
        await peer.LinesAsync("unstage", uri);
        Assert.Empty(await peer.LinesAsync("staged"));
        await peer.LinesAsync("forget", uri);
        Assert.DoesNotContain(await peer.LinesAsync("db"), entry => entry[0].GetString() == other.Address);
    }

    [Fact]
    public async Task Ping_OfAJavaScriptRoom_WorksThoughItTellsNobodyWhatItCanDo()
    {
        await using RoomScene room = await RoomScene.StartAsync(RoomKind.JavaScript1);
        (int code, string output) = await CliPeer.RunToolAsync("ping", room.Address.Text, "--network-key", room.Network.ToBase64());
        Assert.True(code == 0, output);
        Assert.Matches("  muxrpc     -      .*it does not tell what it can do: .*not in list of allowed methods", output);
        Assert.EndsWith("It works.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commands_ThatCannotBeDone_GiveOneAndSayWhy()
    {
        await using CliPeer peer = await CliPeer.StartAsync();
        await using CliPeer other = await CliPeer.StartAsync();
        await other.StopAsync();

        await FailsAsync("not connected: ", "connect", other.Address);
        await FailsAsync($"no address of {other.Id} is known to the peer", "connect", other.Id);
        await FailsAsync("does not have conn.dismiss: it is not one of Ssb.Conn", "dismiss", Elsewhere);
        await FailsAsync("does not have conn.why: it is not one of Ssb.Conn", "why", Elsewhere);

        // Over TCP it wants to know who we are: as itself we may, as another we may not.
        (int asItself, string output) = await CliPeer.RunToolAsync("staged", "--remote", peer.Address, "--path", peer.Folder);
        Assert.True(asItself == 0, output);
        (int asOther, output) = await CliPeer.RunToolAsync("staged", "--remote", peer.Address, "--path", other.Folder);
        Assert.Equal(1, asOther);
        Assert.Contains("does not let us call conn.stagedPeers", output, StringComparison.Ordinal);

        await peer.StopAsync();
        (int gone, output) = await CliPeer.RunToolAsync("staged", "--remote", peer.Socket);
        Assert.Equal(1, gone);
        Assert.Contains("no SSB peer answers at", output, StringComparison.Ordinal);

        async Task FailsAsync(string sentence, params string[] command)
        {
            (int code, string output) = await peer.RunAsync(command);
            Assert.Equal(1, code);
            Assert.Contains(sentence, output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Ping_OfAJavaScriptPeer_GoesAllTheWayOrSaysWhereItStops()
    {
        await using CliPeer peer = await CliPeer.StartAsync();

        Assert.Equal(["address", "tcp", "handshake", "muxrpc", "ping"], await StepsAsync(0, "ok", peer.Address));
        Assert.Equal(["address", "unix", "handshake", "muxrpc", "ping"], await StepsAsync(0, "ok", peer.Socket));
        Assert.Equal(["address", "tcp", "handshake"], await StepsAsync(1, "failed", $"{peer.Address.Split('~')[0]}~shs:{Elsewhere.Split("shs:")[1]}"));
        Assert.Equal(["address", "tcp", "handshake"], await StepsAsync(1, "failed", peer.Address, "--network-key", Convert.ToBase64String(new byte[32])));
        await peer.StopAsync();
        Assert.Equal(["address", "tcp"], await StepsAsync(1, "failed", peer.Address));

        static async Task<string?[]> StepsAsync(int expected, string outcome, params string[] arguments)
        {
            (int code, string output) = await CliPeer.RunToolAsync(["ping", "--json", .. arguments]);
            Assert.True(code == expected, output);
            JsonElement[] steps = [.. JsonElement.Parse(output).GetProperty("steps").EnumerateArray()];
            Assert.Equal(outcome, steps[^1].GetProperty("outcome").GetString());
            return [.. steps.Select(step => step.GetProperty("step").GetString())];
        }
    }

    [Fact]
    public async Task Watch_OfAJavaScriptPeer_TellsOfEachChangeAndOutlivesItsRestart()
    {
        await using CliPeer peer = await CliPeer.StartAsync();
        await using PeerProcess watch = peer.Begin("watch", "--json");
        JsonElement attached = await watch.FindAsync(line => Is(line, "attached"));
        Assert.Equal(["conn.dismiss", "conn.rules", "conn.why", "conn.dbPeersLive"], attached.GetProperty("lacks").EnumerateArray().Select(name => name.GetString()));
        await watch.FindAsync(line => Is(line, "snapshot", "staging"));
        await watch.FindAsync(line => Is(line, "snapshot", "hub"));
        await watch.FindAsync(line => Is(line, "snapshot", "db"));

        await peer.LinesAsync("stage", Elsewhere);
        Assert.Equal(Elsewhere, (await watch.FindAsync(line => Is(line, "added", "staging"))).GetProperty("entry")[0].GetString());
        await peer.LinesAsync("remember", Elsewhere);
        Assert.Equal(Elsewhere, (await watch.FindAsync(line => Is(line, "added", "db"))).GetProperty("entry")[0].GetString()); // it was asked again
        await peer.LinesAsync("unstage", Elsewhere);
        await watch.FindAsync(line => Is(line, "removed", "staging"));

        await peer.RestartAsync();
        int from = watch.Told.Count;
        await watch.FindAsync(line => Is(line, "gone"), from);
        await watch.FindAsync(line => Is(line, "attached"), from);
        await watch.FindAsync(line => Is(line, "snapshot", "db"), from);
    }

    private static bool Is(JsonElement line, string change, string? pool = null) =>
        line.GetProperty("change").GetString() == change && (pool is null || line.GetProperty("pool").GetString() == pool);

    private static JsonElement Result(JsonElement[] lines) => Assert.Single(lines).GetProperty("result");
}
