using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Net.Tests.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hostile;

/// <summary>Callers and dials leave file descriptors to the process, and programs of our own user are bounded.</summary>
public sealed class DescriptorLimitTests : IAsyncDisposable
{
    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly string _folder = SocketFolder.Create("ssb-conn-");
    private readonly KeyPair _alice = KeyPair.Generate(), _bob = KeyPair.Generate();
    private readonly LogLines _log = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly List<PeerNetwork> _networks = [];
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _accepting = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string SocketPath => Path.Combine(_folder, "socket");

    [Fact]
    public async Task Local_MoreThanMayBe_AreClosedCountedAndToldOnce()
    {
        Needs.UnixSockets();
        PeerNetwork bob = Accepting(_bob, Unhurried.Limits with { MaxLocalCallers = 3 }, $"unix:{SocketPath}~noauth");
        List<NetworkStream> callers = [];
        for (int i = 0; i < 3; i++)
            callers.Add(await CallAsync());
        Patience.Until(() => bob.Counters.LocalCallers == 3);
        for (int i = 0; i < 20; i++)
        {
            await using NetworkStream refused = await CallAsync();
            Assert.Equal(0, await refused.ReadAsync(new byte[1], Token));
        }

        Assert.Equal((3, 20, 0), (bob.Counters.LocalCallers, bob.Counters.RefusedLocal, bob.Counters.RefusedDescriptors));
        const string Told = "Programs of this user have 3 connections by unix sockets, the most that may be; more are refused.";
        Assert.Equal(Told, Assert.Single(_log.All).Text);

        await callers[0].DisposeAsync();
        Patience.Until(() => bob.Counters.LocalCallers == 2);
        callers[0] = await CallAsync();
        Patience.Until(() => bob.Counters.LocalCallers == 3);
        _clock.Advance(StateLog.Settling);
        Assert.Equal(2, _log.All.Count);
        foreach (NetworkStream caller in callers)
            await caller.DisposeAsync();
    }

    [Theory]
    [InlineData("net"), InlineData("ws"), InlineData("unix")]
    public async Task Callers_NoDescriptorsToSpare_AreRefusedCountedAndToldOnce(string transport)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no limit of descriptors.");
        var limits = Unhurried.Limits with { ReservedDescriptors = int.MaxValue };
        PeerNetwork bob = Accepting(_bob, limits, "net:127.0.0.1:0~shs", "ws:127.0.0.1:0~shs", $"unix:{SocketPath}~noauth");
        MultiserverRoute route = bob.Addresses.Select(address => address.Routes[0]).First(route => route.Transport == transport);
        EndPoint place = route.Path is { } path ? new UnixDomainSocketEndPoint(path)
            : new IPEndPoint(IPAddress.Loopback, route.Port!.Value); // it has a path or a port
        for (int i = 1; i <= 20; i++)
        {
            await using NetworkStream refused = await CallAsync(place);
            Patience.Until(() => bob.Counters.RefusedDescriptors == i);
        }

        Assert.Empty(bob.Connections);
        Assert.Equal(0, bob.Counters.Handshakes);
        string limit = $"{Descriptors.Limit:N0}";
        string lowered = $"This process may have {limit} file descriptors (ulimit -n), so 1 callers";
        Assert.StartsWith(lowered, _log.All.First().Text, StringComparison.Ordinal);
        Assert.Equal(
            $"This process is short of file descriptors (its limit is {limit}: ulimit -n), so callers are refused.",
            Assert.Single(_log.All.Skip(1)).Text);
        _clock.Advance(StateLog.Settling);
        Assert.StartsWith("letting callers in: it works again. It failed 20 times", _log.All.Last().Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dial_NoDescriptorsToSpare_FailsAndSaysSo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no limit of descriptors.");
        PeerNetwork bob = Accepting(_bob, Unhurried.Limits, "net:127.0.0.1:0~shs");
        PeerNetwork alice = Open(_alice, Unhurried.Limits with { ReservedDescriptors = int.MaxValue });

        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => alice.ConnectAsync(bob.Addresses[0], Token));
        Assert.Contains("short of file descriptors", e.Message, StringComparison.Ordinal);
        Assert.True(e.IsLocal);
        Assert.Equal(0, bob.Counters.Handshakes);
    }

    [Theory]
    [InlineData(SocketError.TooManyOpenSockets), InlineData(SocketError.NetworkDown), InlineData(null)]
    public async Task Accept_FailsForAWhile_IsToldOnceAndTriedAgain(SocketError? error)
    {
        Needs.UnixSockets();
        int tries = 0;
        PeerNetwork bob = PeerNetwork.Open(Unhurried.Network(_bob) with
        {
            Listen = [$"unix:{SocketPath}~noauth"],
            TimeProvider = _clock,
            Logger = _log.CreateLogger(""),
            Accept = (listener, cancellationToken) => Interlocked.Increment(ref tries) <= 10
                ? throw (error is { } code ? new SocketException((int)code) : new InvalidOperationException("broken"))
                : listener.AcceptAsync(cancellationToken),
        });
        _networks.Add(bob);
        _accepting.Add(AcceptAllAsync(bob));
        await using NetworkStream caller = await CallAsync(); // waits in the queue of the system
        while (bob.Counters.LocalCallers == 0)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100)); // the pauses, of which the longest takes a second
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }

        Assert.Equal(12, tries);
        LogLine line = Assert.Single(_log.All, line => line.Level >= Microsoft.Extensions.Logging.LogLevel.Warning);
        Assert.StartsWith($"Callers at unix:{SocketPath} cannot be let in at the moment: ", line.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_OutOfTheirRange_AreTold()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Open(_bob, Unhurried.Limits with { MaxLocalCallers = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Open(_bob, Unhurried.Limits with { ReservedDescriptors = -1 }));
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        foreach (PeerNetwork network in _networks)
            await network.DisposeAsync().AsTask().WaitAsync(s_guard);
        await Task.WhenAll(_accepting).WaitAsync(s_guard).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        TestFolder.Delete(_folder);
        _alice.Dispose();
        _bob.Dispose();
        _over.Dispose();
        _log.Dispose();
    }

    private Task<NetworkStream> CallAsync() => CallAsync(new UnixDomainSocketEndPoint(SocketPath));

    private static async Task<NetworkStream> CallAsync(EndPoint place)
    {
        var socket = new Socket(place.AddressFamily, SocketType.Stream, place is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        await socket.ConnectAsync(place, Token);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private PeerNetwork Open(KeyPair keys, PeerNetworkLimits limits, params string[] listen)
    {
        var network = PeerNetwork.Open(Unhurried.Network(keys) with
        {
            Listen = listen,
            Limits = limits,
            TimeProvider = _clock,
            Logger = _log.CreateLogger(""),
        });
        _networks.Add(network);
        return network;
    }

    private PeerNetwork Accepting(KeyPair keys, PeerNetworkLimits limits, params string[] listen)
    {
        PeerNetwork network = Open(keys, limits, listen);
        _accepting.Add(AcceptAllAsync(network));
        return network;
    }

    private async Task AcceptAllAsync(PeerNetwork network)
    {
        await foreach (IPeerConnection caller in network.AcceptAsync(_ => true, _over.Token))
            await caller.CloseAsync(CancellationToken.None);
    }
}
