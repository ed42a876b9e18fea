using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>A peer lets no address in that it can never dial, by whatever entrance, and says why. K is a key, M one that is mistyped, Z one of low order.</summary>
public sealed class DoorTests : IAsyncDisposable
{
    private const string NoTransport = "is no transport that can be dialled here", Mistyped = "is mistyped: nobody can hold it";

    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly KeyPair _own = KeyPair.Generate(), _other = KeyPair.Generate();
    private readonly List<IAsyncDisposable> _open = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("ssb-door-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> NeverDialled => new()
    {
        { "net:HOST:PORT", "the port is not a number from 1 to 65535" },
        { "net:127.0.0.1:8008", "it names no key (~shs:KEY)" },
        { "https://example.org", $"'https' {NoTransport}" },
        { "ssb:experimental?action=x", $"'ssb' {NoTransport}" },
        { "garbage", $"'garbage' {NoTransport}" },
        { "bt:AA.BB~shs:K", $"'bt' {NoTransport}" },
        { "dht:seed:K", $"'dht' {NoTransport}" },
        { "net:127.0.0.1:99999~shs:K", "port '99999' is not a number from 1 to 65535" },
        { "net:127.0.0.1:0~shs:K", "port '0' is not a number from 1 to 65535" },
        { "net:127.0.0.1:8008~noauth", "'noauth' (no handshake) is dialled at 'unix' sockets only" },
        { "net:127.0.0.1:8008~shs2:K", "'shs2' after the transport is not known here" },
        { "net:127.0.0.1:8008~shs:AAAA", "the key of 'shs' is not 32 bytes in base64" },
        { "net:127.0.0.1:8008~shs:M", Mistyped },
        { "net:127.0.0.1:8008~shs:Z", Mistyped },
        { "ws://127.0.0.1:8008~shs:Z", Mistyped },
        { "tunnel:@K.ed25519:@Z.ed25519~shs:Z", Mistyped },
        { "bt:AA.BB~shs:K;net:127.0.0.1:99999~shs:K", $"'bt' {NoTransport}; net:127.0.0.1:99999~shs:" },
        { "net:127.0.0.1:8008~shs2:M;net:127.0.0.1:8009~shs:K", "it names another identity than the address it belongs to" },
        { "unix:/" + nameof(DoorTests) + "/LONG~shs:K", "bytes, and " },
    };

    public static TheoryData<string> MayBeDialled =>
    [
        "net:127.0.0.1:1~shs:K", "net:::1:1~shs:K", "net:name.invalid:8008~shs:K", "ws://127.0.0.1:1~shs:K", "wss://name.invalid/path~shs:K",
        "onion:abc.onion:8008~shs:K", "unix:/nonesuch/socket~shs:K", "unix:/nonesuch/socket~noauth", "tunnel:@K.ed25519:@L.ed25519~shs:L",
        "net:127.0.0.1:1~shs:@K.ed25519", "net:127.0.0.1:1~shs:K:c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ=",
        "bt:AA.BB~shs:K;net:127.0.0.1:1~shs:K", "net:127.0.0.1:99999~shs:K;ws://127.0.0.1:1~shs:K",
    ];

    [Theory]
    [MemberData(nameof(NeverDialled))]
    public async Task Address_NeverDialled_IsRefusedAtEveryEntrance(string pattern, string reason)
    {
        if (pattern.StartsWith("unix:", StringComparison.Ordinal))
            Needs.UnixSockets();
        MultiserverAddress address = At(pattern);
        SsbPeer peer = await Start();
        RpcConnection owner = await Connect(peer, _own);

        Assert.Equal(RefusalReason.Undiallable, peer.Conn.TryStage(address).Reason);
        Assert.Equal(RefusalReason.Undiallable, peer.Conn.TryStage(address, null, $"pub/{_other.Id}").Reason);
        AssertSays(reason, Assert.Throws<ArgumentException>(() => peer.Conn.Remember(address)).Message);
        AssertSays(reason, (await Assert.ThrowsAsync<ConnectFailedException>(() => peer.Conn.ConnectAsync(address, cancellationToken: TestContext.Current.CancellationToken))).Message);
        Assert.Equal("false", await Call(owner, "conn.stage", address));
        AssertSays(reason, (await Assert.ThrowsAsync<RpcException>(() => Call(owner, "conn.remember", address))).Message);
        AssertSays(reason, (await Assert.ThrowsAsync<RpcException>(() => Call(owner, "conn.connect", address))).Message);
        Assert.Equal(7, peer.Conn.AdmissionCounters.Refused[RefusalReason.Undiallable]);
        Assert.Equal((0, 0, 0), (peer.Conn.Staging.Count, peer.Conn.Db.Count, peer.Conn.Hub.Count));

        // For a person who asks.
        WhyReport why = peer.Conn.Why(PeerTarget.From(address));
        AssertSays(reason, Assert.Single(why.Routes).Outlook);
        Assert.All(why.History, note => Assert.Equal("refused", note.What));
        AssertSays(reason, await Call(owner, "conn.why", address));

        // And it is true: the network itself does not even try.
        long before = peer.Network.Counters.RefusedRoutes;
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => peer.Network.ConnectAsync(address, Token));
        Assert.Contains(reason.Split(';')[0], e.Message, StringComparison.Ordinal);
        Assert.Equal(before + address.Routes.Count, peer.Network.Counters.RefusedRoutes);
    }

    [Theory]
    [MemberData(nameof(MayBeDialled))]
    public async Task Address_ThatMayBeDialled_IsLetInAtEveryEntrance(string pattern)
    {
        if (pattern.StartsWith("unix:", StringComparison.Ordinal))
            Needs.UnixSockets();
        MultiserverAddress address = At(pattern);
        SsbPeer peer = await Start();
        RpcConnection owner = await Connect(peer, _own);
        Assert.True(peer.Conn.Stage(address));
        Assert.True(peer.Conn.Unstage(address));
        Assert.Equal("true", await Call(owner, "conn.stage", address));
        peer.Conn.Remember(address);
        peer.Conn.Forget(address);
        Assert.Equal("false", await Call(owner, "conn.remember", address)); // undefined
        Assert.NotNull(peer.Conn.Db.Get(address));
        Assert.Empty(peer.Conn.AdmissionCounters.Refused);
        Assert.DoesNotContain("never", peer.Conn.Why(PeerTarget.From(address)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stranger_NamesASocketWithoutAHandshake_IsRefused_AndAnOwnerIsNot()
    {
        Needs.UnixSockets();
        const string Reason = "only an owner may name a socket without a handshake";
        SsbPeer peer = await Start(options => options with { AllowStrangers = ["conn.stage", "conn.remember", "conn.connect"] });
        RpcConnection stranger = await Connect(peer, _other), owner = await Connect(peer, _own);
        MultiserverAddress address = At("unix:/nonesuch/socket~noauth");
        Assert.Equal("false", await Call(stranger, "conn.stage", address));
        AssertSays(Reason, (await Assert.ThrowsAsync<RpcException>(() => Call(stranger, "conn.remember", address))).Message);
        AssertSays(Reason, (await Assert.ThrowsAsync<RpcException>(() => Call(stranger, "conn.connect", address))).Message);
        Assert.Equal(3, peer.Conn.AdmissionCounters.Refused[RefusalReason.Undiallable]);
        Assert.All(peer.Conn.Why(PeerTarget.From(address)).History, note => Assert.Equal($"peer:{_other.Id}", note.Source));
        Assert.Equal("true", await Call(owner, "conn.stage", address));
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Call(owner, "conn.connect", address));
        Assert.DoesNotContain("never", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tunnel_PeerThatKnowsNoRooms_IsRefused()
    {
        SsbPeer peer = await Start(options => options with { Rooms = false });
        ArgumentException e = Assert.Throws<ArgumentException>(() => peer.Conn.Remember(At("tunnel:@K.ed25519:@L.ed25519~shs:L")));
        AssertSays("nobody here knows rooms", e.Message);
    }

    [Fact]
    public async Task AddressBook_EntriesThatAreNeverDialled_AreKept_AndTheOthersAreDialled()
    {
        MultiserverAddress[] kept = [.. NeverDialled.Select(row => At(row.Data.Item1))];
        MultiserverAddress dialled = At("net:127.0.0.1:1~shs:L");
        string json = $"{{{string.Join(',', kept.Append(dialled).Select((address, i) => $"{JsonSerializer.Serialize(address.Text)}:{{\"n\":{i}}}"))}}}";
        await File.WriteAllTextAsync(Path.Combine(_folder, "conn.json"), json, Token);
        SsbPeer peer = await Start(options => options with { Folder = _folder, Conn = Unhurried.Conn });
        Patience.Until(() => peer.Conn.Db.Get(dialled)?.Failure > 0);
        Patience.Until(() => peer.Conn.Staging.Count == 0);
        Assert.Equal(0, peer.Network.Counters.RefusedRoutes);
        Assert.All(kept, (address, i) => Assert.Equal($"{{\"n\":{i}}}", peer.Conn.Db.Get(address)?.ToJson()));
        Assert.All(kept, address => Assert.StartsWith("It is kept and not dialled", Assert.Single(
            peer.Conn.Why(PeerTarget.From(address)).Routes, r => r.Address == address).Outlook, StringComparison.Ordinal));
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _own.Dispose();
        _other.Dispose();
        TestFolder.Delete(_folder);
    }

    private static void AssertSays(string reason, string text)
    {
        Assert.Contains("can never be dialled here: ", text, StringComparison.Ordinal);
        Assert.Contains(reason, text, StringComparison.Ordinal);
    }

    // The same for the same pattern.
    private static MultiserverAddress At(string pattern)
    {
        using KeyPair k = KeyPair.FromSeed(Enumerable.Repeat((byte)7, 32).ToArray()), l = KeyPair.FromSeed(Enumerable.Repeat((byte)8, 32).ToArray());
        string mistyped = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".Select(c => $"{c}{k.Id.ToBase64()[1..]}").First(text => !FeedId.ReadLenient(text)!.Value.CanBeHeld());
        string text = pattern;
        foreach ((string name, string key) in (ReadOnlySpan<(string, string)>)
            [("K", k.Id.ToBase64()), ("L", l.Id.ToBase64()), ("M", mistyped), ("Z", new FeedId(new byte[32]).ToBase64())])
        {
            text = System.Text.RegularExpressions.Regex.Replace(
                text, $"(?<=[:@]){name}(?=$|[.:;])", key, System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));
        }

        return MultiserverAddress.Parse(text.Replace("LONG", new string('x', 200), StringComparison.Ordinal));
    }

    private async Task<SsbPeer> Start(Func<SsbPeerOptions, SsbPeerOptions>? with = null)
    {
        var options = Unhurried.Peer with { Keys = _own, Listen = ["net:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { Autostart = false } };
        SsbPeer peer = await SsbPeer.StartAsync(with?.Invoke(options) ?? options, Token);
        _open.Insert(0, peer);
        return peer;
    }

    private async Task<RpcConnection> Connect(SsbPeer peer, KeyPair keys)
    {
        PeerNetwork client = PeerNetwork.Open(Unhurried.Network(keys));
        _open.Insert(0, client);
        return (await client.ConnectAsync(peer.Addresses[0], Token).WaitAsync(s_guard, Token)).Rpc;
    }

    private static async Task<string> Call(RpcConnection control, string name, MultiserverAddress address) =>
        (await control.CallAsync(name, [address.Text], Token).WaitAsync(s_guard, Token)).AsJson().GetRawText();
}
