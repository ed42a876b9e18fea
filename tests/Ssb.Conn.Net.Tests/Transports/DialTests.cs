using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Net.Tests.Rooms;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>What strangers' addresses make a peer do when its scheduler dials them.</summary>
public sealed class DialTests : RoomPeers
{
    private static readonly TimeSpan s_often = TimeSpan.FromMilliseconds(50);

    private readonly string _key;

    public DialTests() => _key = NewKeys().Id.ToBase64();

    [Theory]
    [InlineData(301), InlineData(302), InlineData(303), InlineData(307), InlineData(308)]
    public async Task Connect_WebSocketIsRedirected_IsNotFollowed(int status)
    {
        await using var aim = new Trap("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        await using var trap = new Trap($"HTTP/1.1 {status} Elsewhere\r\nLocation: http://127.0.0.1:{aim.Port}/admin\r\nContent-Length: 0\r\n\r\n");
        SsbPeer alice = await StartPeer();
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, At($"ws://127.0.0.1:{trap.Port}")));
        Assert.Contains($"the server answered {status} instead of opening a WebSocket. Redirects are not followed.", e.Message, StringComparison.Ordinal);
        Assert.Equal((1, 0), (trap.Calls, aim.Calls));
    }

    [Theory]
    [InlineData(200), InlineData(401), InlineData(404), InlineData(426)]
    public async Task Connect_NoWebSocketThere_SaysWhatWasAnswered(int status)
    {
        await using var trap = new Trap($"HTTP/1.1 {status} No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n");
        SsbPeer alice = await StartPeer();
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, At($"ws://127.0.0.1:{trap.Port}")));
        Assert.Contains($"the server answered {status} instead of opening a WebSocket.", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, trap.Calls); // and not again with credentials
    }

    [Fact]
    public async Task Dial_PathOfAStranger_AsksForTheRoot()
    {
        await using var trap = new Trap("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
        SsbPeer alice = await StartScheduled();
        MultiserverAddress address = At($"ws://127.0.0.1:{trap.Port}/admin/reset?confirm=yes");
        alice.Conn.Stage(address, new PeerData { Type = "internet" }, "pub/@x");
        Until(() => trap.Calls == 1);
        Assert.StartsWith("GET / HTTP/1.1\r\n", trap.Said[0], StringComparison.Ordinal);

        Until(() => alice.Conn.Staging.Get(address) is not null); // it came back
        Assert.Contains("It was asked for at '/'", alice.Conn.Why(address.Text).Routes[0].LastError, StringComparison.Ordinal);
        Assert.Equal(trap.Calls, alice.Conn.DialCounters.DroppedPaths);
        await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, address)); // a person asks
        Assert.StartsWith("GET /admin/reset?confirm=yes HTTP/1.1\r\n", trap.Said[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dial_PathInTheAddressBook_IsAskedFor()
    {
        await using var trap = new Trap("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
        SsbPeer alice = await StartScheduled();
        alice.Conn.Remember(At($"ws://127.0.0.1:{trap.Port}/ssb"), PeerData.Parse("""{"type":"pub"}"""));
        Until(() => trap.Calls > 0);
        Assert.StartsWith("GET /ssb HTTP/1.1\r\n", trap.Said[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net:127.0.0.1:PORT"), InlineData("net:localhost:PORT"), InlineData("net:0.0.0.0:PORT"), InlineData("ws://127.0.0.1:PORT"), InlineData("ws://localhost:PORT"),
     InlineData("ws://2130706433:PORT"), InlineData("wss://localhost:PORT")]
    public async Task Dial_LeadsToThisMachine_NotFromAStranger(string address)
    {
        await using var trap = new Trap("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
        SsbPeer alice = await StartScheduled();
        alice.Conn.Hub.ReachOf = _ => AddressScope.Public;
        MultiserverAddress told = At(address.Replace("PORT", $"{trap.Port}", StringComparison.Ordinal));
        alice.Conn.Stage(told, new PeerData { Type = "internet" }, "pub/@x");
        Until(() => alice.Conn.Why(told.Text).Routes is [{ LastError: not null }]);
        Assert.Contains("is more local than what the source of this peer may tell of", alice.Conn.Why(told.Text).Routes[0].LastError, StringComparison.Ordinal);
        Assert.True(alice.Conn.DialCounters.RefusedAddresses > 0);
        Assert.Equal(0, trap.Calls);
    }

    [Theory]
    [InlineData("net"), InlineData("ws"), InlineData("onion")]
    public async Task Dial_LeadsToOurOwnAddress_NotFromAStranger(string transport)
    {
        System.Net.IPAddress? own = HostNetwork.Read().Cards.Where(card => card.IsUp && !card.IsLoopback).SelectMany(card => card.Addresses)
            .Select(address => address.Address).FirstOrDefault(LanInterface.IsIPv4);
        Assert.SkipWhen(own is null, "This machine has no IPv4 address but loopback; an address of a card is needed.");
        SsbPeer alice = await StartScheduled();
        alice.Conn.Hub.ReachOf = _ => AddressScope.LinkLocal; // so near that only this machine is nearer
        MultiserverAddress told = At($"{transport}:{(transport == "ws" ? "//" : "")}{own}:9"); // nothing listens there
        alice.Conn.Stage(told, new PeerData { Type = "internet" }, "pub/@x");
        Until(() => alice.Conn.Why(told.Text).Routes is [{ LastError: not null }]);
        Assert.Contains($"{own}, an address of this machine, is more local", alice.Conn.Why(told.Text).Routes[0].LastError, StringComparison.Ordinal);
        Assert.True(alice.Conn.DialCounters.RefusedAddresses > 0);
    }

    [Fact]
    public async Task Dial_ManyRoutes_OpensItsShare()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled(new SchedulerOptions { OpeningsPerDial = 3 });
        var told = MultiserverAddress.Parse(string.Join(';', Enumerable.Range(1, 19).Select(i => $"net:127.0.0.{i}:{trap.Port}~shs:{_key}")));
        alice.Conn.Stage(told, new PeerData { Type = "internet" }, "pub/@x");
        Until(() => alice.Conn.Why(told.Text).Routes is [{ LastError: not null }]);
        Assert.InRange(trap.Calls, 0, 3);
        Assert.Equal(16, alice.Conn.DialCounters.RefusedOpenings);
    }

    [Fact]
    public async Task Dial_RoutesOfAll_AreOneBudget()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled(new SchedulerOptions { DialsPerMinute = 10, OpeningsPerDial = 4 });
        for (int peer = 0; peer < 20; peer++)
        {
            string key = NewKeys().Id.ToBase64();
            alice.Conn.Stage(MultiserverAddress.Parse(string.Join(';', Enumerable.Range(1, 5).Select(_ => $"net:127.0.0.1:{trap.Port}~shs:{key}"))), new PeerData { Type = "internet" }, $"pub/{peer}");
        }

        Until(() => trap.Calls == 10);
        await Task.Delay(10 * s_often, TimeProvider.System, Token); // of a scheduler that goes on looking
        Assert.Equal(10, trap.Calls);
    }

    [Theory]
    [InlineData("pub", 5), InlineData("lan", 10)] // of 10 s the half; of 30 s no more than a route has
    public async Task Connect_FirstRouteDoesNotAnswer_TheNextHasItsShareOfTheTime(string type, int share)
    {
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        var clock = new FakeTimeProvider();
        SsbPeer alice = await StartPeer(o => o with { TimeProvider = clock, Conn = o.Conn with { Hub = new HubOptions() } }), bob = await StartPeer();
        var address = MultiserverAddress.Parse(
            $"net:127.0.0.1:{((System.Net.IPEndPoint)silent.LocalEndpoint).Port}~shs:{bob.Id.ToBase64()};{bob.Addresses[0].Text}");
        Task<IPeerConnection> dial = alice.Conn.ConnectAsync(address, PeerData.Parse($$"""{"type":"{{type}}"}"""), Token);
        using System.Net.Sockets.Socket called = await silent.AcceptSocketAsync(Token).AsTask().WaitAsync(Guard, Token);
        clock.Advance(TimeSpan.FromSeconds(share));
        Assert.Equal(bob.Id, (await dial.WaitAsync(Guard, Token)).FeedId);
    }

    private MultiserverAddress At(string transport) => MultiserverAddress.Parse($"{transport}~shs:{_key}");

    private async Task<SsbPeer> StartScheduled(SchedulerOptions? scheduler = null)
    {
        SsbPeer peer = await StartPeer(options => options with
        {
            Conn = Unhurried.Conn with { Scheduler = (scheduler ?? new SchedulerOptions()) with { Interval = s_often, SoonAfterStage = s_often, SoonAfterDisconnect = s_often } },
        });
        peer.Conn.Hub.ReachOf = _ => AddressScope.Loopback; // all is on this machine
        return peer;
    }
}
