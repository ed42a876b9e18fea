using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>The stock command line (npm muxrpcli) adds an object with its own options behind the arguments of every call.</summary>
public sealed class TrailingOptionsTests : IAsyncDisposable
{
    private const string Feed = "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519";
    private const string Address = "net:127.0.0.1:9752~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Options = """{"path":"/tmp/x","port":8008,"until":5,"timeout":7,"verbose":true}""";

    private readonly KeyPair _own = KeyPair.Generate();
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // What each procedure of ours takes; those that take data take the options for data, as there. "-" is a call that is refused in both ways.
    public static TheoryData<string, string, string> Calls => new()
    {
        { "whoami", "[]", "" },
        { "manifest", "[]", "" },
        { "conn.keeps", "[]", "" },
        { "conn.disconnect", $"[\"{Address}\"]", "" },
        { "conn.forget", $"[\"{Address}\"]", "" },
        { "conn.dbPeers", "[]", "" },
        { "conn.unstage", $"[\"{Address}\"]", "" },
        { "conn.isRunning", "[]", "" },
        { "conn.dismiss", $"[\"{Feed}\"]", "true" },
        { "conn.dismiss", $"[\"{Feed}\",4102444800000]", "true" },
        { "conn.dismiss", $"[\"{Address}\",null]", "true" },
        { "conn.dismiss", "[]", "-The target is neither" },
        { "conn.snooze", $"[\"{Feed}\",60000]", "true" },
        { "conn.snooze", $"[\"{Feed}\"]", "-The duration should have been" },
        { "conn.block", $"[\"{Feed}\"]", "true" },
        { "conn.block", $"[\"{Feed}\",\"x\"]", "-The end should have been" },
        { "conn.undo", $"[\"{Feed}\"]", "" },
        { "conn.rules", "[]", "" },
        { "conn.why", $"[\"{Feed}\"]", "" },
        { "conn.suggestions", "[]", "" },
        { "conn.start", "[]", "" },
        { "conn.stop", "[]", "" },
        { "lan.start", "[]", "" },
        { "lan.stop", "[]", "" },
    };

    [Theory, MemberData(nameof(Calls))]
    public async Task Call_WithTrailingOptions_AnswersAsWithout(string procedure, string arguments, string expected)
    {
        RpcConnection control = await StartAsync();
        string plain = await AnswerAsync(control, procedure, arguments);
        if (expected == "true")
            Assert.Equal("true", plain);
        else
            Assert.StartsWith(expected, plain, StringComparison.Ordinal);
        if (procedure == "conn.undo")
            return; // the second finds nothing to undo
        string withOptions = arguments == "[]" ? $"[{Options}]" : $"{arguments[..^1]},{Options}]";
        Assert.Equal(procedure == "conn.why" ? "{" : plain, Shortened(await AnswerAsync(control, procedure, withOptions)));

        string Shortened(string answer) => procedure == "conn.why" ? answer[..1] : answer;
    }

    [Fact]
    public async Task Calls_AreThoseOfTheManifest_ButForStreamsAndDataAndWhatIsNotServed()
    {
        RpcConnection control = await StartAsync();
        RpcManifest manifest = RpcManifest.Read((await control.CallAsync("manifest", cancellationToken: Token)).AsJson());
        string[] others = ["conn.connect", "conn.remember", "conn.stage", "conn.db", "conn.hub", "conn.staging", "conn.query", "tunnel.ping"];
        IEnumerable<string> calls = manifest.Procedures.Where(p => p.Value is RpcProcedureType.Sync or RpcProcedureType.Async).Select(p => p.Key);
        Assert.Equal(calls.Except(others).Order(), Calls.Select(c => c.Data.Item1).Distinct().Order());
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _own.Dispose();
    }

    private async Task<RpcConnection> StartAsync()
    {
        SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with
        {
            Keys = _own,
            Listen = ["net:127.0.0.1:0~shs"],
            Lan = new LanOptions { Loopback = true, NormalPort = FreePorts.Udp(), Legacy = false },
            Conn = Unhurried.Conn with { Autostart = false },
        }, Token);
        _open.Insert(0, peer);
        PeerNetwork network = PeerNetwork.Open(Unhurried.Network(_own));
        _open.Insert(0, network);
        return (await network.ConnectAsync(peer.Addresses[0], Token)).Rpc;
    }

    private static async Task<string> AnswerAsync(RpcConnection control, string procedure, string arguments)
    {
        try
        {
            RpcValue[] values = [.. JsonElement.Parse(arguments).EnumerateArray().Select(RpcValue.Json)];
            return (await control.CallAsync(procedure, values, Token).WaitAsync(Patience.Guard, Token)).AsJson().GetRawText();
        }
        catch (RpcException e)
        {
            return "-" + e.Message;
        }
    }
}
