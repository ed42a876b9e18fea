using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>With real sockets, on 127.0.0.1 only, and a network key of its own.</summary>
public sealed class LanDiscoveryTests : IDisposable
{
    private static readonly NetworkKey s_network = NetworkKey.Generate();
    private readonly KeyPair _keys = KeyPair.Generate();
    private readonly LanOptions _options = new()
    {
        Loopback = true,
        NetworkKey = s_network,
        NormalPort = FreePorts.Udp(),
        LegacyPort = FreePorts.Udp(),
        AnnounceInterval = TimeSpan.FromMilliseconds(100),
        AcceptAnyRoute = true, // of hosts that are not there
    };

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _keys.Dispose();

    [Fact]
    public async Task DiscoverAsync_AnnouncerOnLoopback_IsHeardInBothFormats()
    {
        MultiserverAddress address = Recorded.AddressOf(_keys, "127.0.0.1");
        await using var discovery = new LanDiscovery(_options with { AcceptAnyRoute = false });
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        await using var announcer = new LanAnnouncer(_options, _keys, address);
        announcer.Start();

        var formats = new HashSet<LanFormat>();
        await foreach (LanAnnouncement announcement in heard)
        {
            Assert.Equal(address, announcement.Address);
            Assert.Equal((_keys.Id, true, "loopback"), (announcement.FeedId, announcement.SenderMatches, announcement.Interface));
            Assert.Equal(announcement.Format == LanFormat.Normal, announcement.Verified);
            formats.Add(announcement.Format);
            if (formats.Count == 2 && announcer.Sent > 4) // it repeats
                break;
        }

        Assert.Empty(discovery.Problems);
        Assert.Empty(announcer.Problems);
        Assert.True(discovery.Counters.Accepted >= 2);
    }

    [Fact]
    public async Task DiscoverAsync_WithoutLegacy_IsSilentThere()
    {
        LanOptions options = _options with { Legacy = false };
        await using var discovery = new LanDiscovery(options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        using Socket free = BindExclusively(options.LegacyPort);
        await using var announcer = new LanAnnouncer(options, _keys, Recorded.AddressOf(_keys));
        announcer.Start();
        LanAnnouncement first = await FirstAsync(heard);
        Assert.Equal(LanFormat.Normal, first.Format);
        Assert.False(first.SenderMatches);
        Assert.Equal(0, free.Available);
    }

    [Fact]
    public async Task DiscoverAsync_SentBeforeItIsEnumerated_IsHeard()
    {
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        Send(LanDatagram.EncodeNormal(Recorded.AddressOf(_keys), _keys, s_network), _options.NormalPort);
        Assert.True((await FirstAsync(heard)).Verified);
    }

    [Fact]
    public async Task DiscoverAsync_GarbageOfAllLengths_IsCountedAndNothingMore()
    {
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        var random = new Random(1);
        foreach (int length in (ReadOnlySpan<int>)[0, 1, 80, 81, 300, LanDatagram.MaxLength, LanDatagram.MaxLength + 1, 9_000, 60_000])
        {
            byte[] garbage = new byte[length];
            random.NextBytes(garbage);
            Send(garbage, _options.NormalPort);
        }

        // One port keeps the order: when this is heard, the garbage was met.
        Send(LanDatagram.EncodeNormal(Recorded.AddressOf(_keys), _keys, s_network), _options.NormalPort);
        await FirstAsync(heard);
        LanCounters counters = discovery.Counters;
        Assert.Equal(
            (10, 1, 3, 3, 3),
            (counters.Datagrams, counters.Accepted, counters.Rejected[LanReject.TooShort], counters.Rejected[LanReject.NotBoxed], counters.Rejected[LanReject.TooLong]));
        Assert.Empty(discovery.Problems);
    }

    [Fact]
    public async Task DiscoverAsync_OwnKey_IsDroppedAndCounted()
    {
        await using var discovery = new LanDiscovery(_options with { OwnKey = _keys.Id });
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        using KeyPair other = KeyPair.Generate();
        Send(LanDatagram.EncodeNormal(Recorded.AddressOf(_keys), _keys, s_network), _options.NormalPort);
        Send(LanDatagram.EncodeNormal(Recorded.AddressOf(other), other, s_network), _options.NormalPort);
        Assert.Equal(other.Id, (await FirstAsync(heard)).FeedId);
        Assert.Equal(1, discovery.Counters.Rejected[LanReject.OwnKey]);
    }

    [Fact]
    public async Task Dispose_Ports_AreFreeAtOnceAndTheEnumerationEndsNormally()
    {
        var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        Task<List<LanAnnouncement>> all = AllAsync(heard);
        await discovery.DisposeAsync();
        AssertPortsAreFree();
        Assert.Empty(await all);
        await discovery.DisposeAsync();
        Assert.Throws<InvalidOperationException>(() => discovery.DiscoverAsync(Cancelled));
    }

    [Fact]
    public async Task Cancel_Ports_AreFreeAtOnceAndTheEnumerationThrows()
    {
        using var cancel = new CancellationTokenSource();
        await using var discovery = new LanDiscovery(_options);
        Task<List<LanAnnouncement>> all = AllAsync(discovery.DiscoverAsync(cancel.Token));
        await cancel.CancelAsync();
        AssertPortsAreFree();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => all);
    }

    [Fact]
    public async Task Cancel_BeforeTheFirstRead_FreesThePorts()
    {
        using var cancel = new CancellationTokenSource();
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(cancel.Token);
        await cancel.CancelAsync();
        AssertPortsAreFree();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => AllAsync(heard));
    }

    [Fact]
    public async Task Break_Ports_AreFreeAtOnce()
    {
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        Send(Encoding.ASCII.GetBytes(Recorded.OneRoute), _options.LegacyPort);
        await FirstAsync(heard);
        AssertPortsAreFree();
    }

    [Fact]
    public async Task DiscoverAsync_Twice_Throws()
    {
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        Assert.Throws<InvalidOperationException>(() => discovery.DiscoverAsync(Cancelled));
        Send(Encoding.ASCII.GetBytes(Recorded.OneRoute), _options.LegacyPort);
        await FirstAsync(heard);
        await Assert.ThrowsAsync<InvalidOperationException>(() => FirstAsync(heard));
    }

    [Fact]
    public async Task DiscoverAsync_AfterDispose_Throws()
    {
        var discovery = new LanDiscovery(_options);
        await discovery.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => discovery.DiscoverAsync(Cancelled));
        AssertPortsAreFree();
    }

    [Fact]
    public async Task DiscoverAsync_CancelledToken_ThrowsAndOpensNothing()
    {
        await using var discovery = new LanDiscovery(_options);
        Assert.Throws<OperationCanceledException>(() => discovery.DiscoverAsync(new CancellationToken(canceled: true)));
        AssertPortsAreFree();
    }

    [Fact]
    public async Task DiscoverAsync_OnAPortInUse_SharesIt()
    {
        await using var one = new LanDiscovery(_options);
        await using var two = new LanDiscovery(_options);
        Task<LanAnnouncement> first = FirstAsync(one.DiscoverAsync(Cancelled)), second = FirstAsync(two.DiscoverAsync(Cancelled));
        Assert.Empty(one.Problems);
        Assert.Empty(two.Problems);

        // What is sent to one machine only is heard by one of them; both hear broadcasts.
        Send(Encoding.ASCII.GetBytes(Recorded.OneRoute), _options.LegacyPort);
        await await Task.WhenAny(first, second);
    }

    [Fact]
    public async Task DiscoverAsync_LegacyPortTaken_GoesOnWithoutItAndSaysSo()
    {
        using Socket taken = BindExclusively(_options.LegacyPort);
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        LanProblem problem = Assert.Single(discovery.Problems);
        Assert.Contains($"{_options.LegacyPort}", problem.Message, StringComparison.Ordinal);
        Assert.Contains("another program", problem.Message, StringComparison.Ordinal);
        Send(LanDatagram.EncodeNormal(Recorded.AddressOf(_keys), _keys, s_network), _options.NormalPort);
        Assert.True((await FirstAsync(heard)).Verified);
    }

    [Fact]
    public async Task DiscoverAsync_BothPortsTaken_Throws()
    {
        using Socket normal = BindExclusively(_options.NormalPort), legacy = BindExclusively(_options.LegacyPort);
        await using var discovery = new LanDiscovery(_options);
        IOException error = Assert.Throws<IOException>(() => discovery.DiscoverAsync(Cancelled));
        Assert.Contains($"{_options.NormalPort}", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{_options.LegacyPort}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DiscoverAsync_SlowHost_LosesTheLatestAndIsTold()
    {
        await using var discovery = new LanDiscovery(_options with { Limits = new LanLimits { Queue = 1 } });
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        for (int i = 1; i <= 5; i++)
            Send(Encoding.ASCII.GetBytes($"net:127.0.0.1:{i}~shs:{Recorded.Key}"), _options.LegacyPort);
        while (discovery.Counters.Datagrams < 5)
            await Task.Yield();

        Assert.Equal("net:127.0.0.1:1~shs:" + Recorded.Key, (await FirstAsync(heard)).Address.Text);
        Assert.Equal((5, 4), (discovery.Counters.Accepted, discovery.Counters.Dropped));
    }

    [Fact]
    public async Task Meter_WhenListenedTo_TellsTheCounters()
    {
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        Send([1], _options.LegacyPort);
        Send(Encoding.ASCII.GetBytes(Recorded.OneRoute), _options.LegacyPort);
        await FirstAsync(heard);

        var measured = new Dictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, meters) =>
        {
            if (instrument.Meter.Name == "Ssb.Conn.Net.Lan" && instrument.Name == "ssb.conn.lan.datagrams")
                meters.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            string outcome = (string)tags[0].Value!; // the only tag, a text
            measured[outcome] = measured.GetValueOrDefault(outcome) + value;
        });
        listener.Start();
        listener.RecordObservableInstruments();

        // Other tests may run their own discovery at the same time.
        Assert.True(measured["unverified"] >= 1);
        Assert.True(measured["rejected-BadAddress"] >= 1);
        Assert.True(measured.ContainsKey("over-budget"));
    }

    [Fact]
    public async Task LanAnnouncer_Misuse_Throws()
    {
        using KeyPair other = KeyPair.Generate();
        Assert.Throws<ArgumentException>(() => new LanAnnouncer(_options, _keys));
        Assert.Throws<ArgumentException>(() => new LanAnnouncer(_options, _keys, Recorded.AddressOf(other)));
        Assert.Throws<ArgumentException>(() => new LanAnnouncer(_options, _keys, MultiserverAddress.Parse(Recorded.AddressOf(_keys) + ";unix:" + new string('x', 1500))));

        Assert.Throws<ArgumentException>(() => new LanAnnouncer(_options, _keys, MultiserverAddress.Parse($"{Recorded.AddressOf(_keys).Text};{Recorded.AddressOf(other).Text}")));
        ArgumentException seed = Assert.Throws<ArgumentException>(() => new LanAnnouncer(_options, _keys, MultiserverAddress.Parse(Recorded.AddressOf(_keys).Text + ":c2VlZHNlZWQ=")));
        Assert.DoesNotContain("c2VlZHNlZWQ", seed.ToString(), StringComparison.Ordinal);

        var announcer = new LanAnnouncer(_options, _keys, Recorded.AddressOf(_keys));
        announcer.Start();
        Assert.Throws<InvalidOperationException>(announcer.Start);
        await announcer.DisposeAsync();
        await announcer.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(announcer.Start);
    }

    [Fact]
    public async Task LanAnnouncer_NoSuchInterface_IsAProblemAndNotAnError()
    {
        await using var announcer = new LanAnnouncer(_options with { Loopback = false, Interface = "none" }, _keys, Recorded.AddressOf(_keys));
        announcer.Start();
        while (announcer.Problems.Count == 0)
            await Task.Yield();
        Assert.Equal("network", Assert.Single(announcer.Problems).Subject);
        Assert.Equal(0, announcer.Sent);
    }

    [Fact]
    public async Task LanAnnouncer_SeveralAddresses_TellsTheOneThatIsGoodThere()
    {
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        await using var announcer = new LanAnnouncer(
            _options, _keys,
            Recorded.AddressOf(_keys), Recorded.AddressOf(_keys, "127.0.0.1", 1), Recorded.AddressOf(_keys, "127.0.0.1", 2));
        announcer.Start();
        var formats = new List<LanFormat>();
        await foreach (LanAnnouncement announcement in heard)
        {
            Assert.Equal(Recorded.AddressOf(_keys, "127.0.0.1", 1), announcement.Address);
            formats.Add(announcement.Format);
            if (formats.Count == 6)
                break;
        }

        Assert.Equal([LanFormat.Normal, LanFormat.Legacy], formats.Distinct().Order());
    }

    [Fact]
    public async Task LanAnnouncer_Function_IsAskedAnewAndWhatIsKnownIsNotSignedAgain()
    {
        int port = 1;
        var asked = new HashSet<string>();
        using KeyPair keys = KeyPair.Generate();
        MultiserverAddress[] told = [Recorded.AddressOf(keys, "127.0.0.1", 1), Recorded.AddressOf(keys, "127.0.0.1", 2)];
        await using var discovery = new LanDiscovery(_options);
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        await using var announcer = new LanAnnouncer(_options, keys, subnet =>
        {
            asked.Add($"{subnet.Interface} {subnet.Network} {string.Join(' ', subnet.Addresses)}"); // by one thread
            return told[Volatile.Read(ref port) - 1];
        });
        announcer.Start();
        await foreach (LanAnnouncement announcement in heard)
        {
            if (announcement.Address == told[0])
                Volatile.Write(ref port, 2);
            if (announcement.Address == told[1])
                break;
        }

        Assert.Equal(["loopback 127.0.0.0/8 127.0.0.1 ::1"], asked);

        // Whoever has no secret any more cannot sign, and goes on with what is signed.
        keys.Dispose();
        long sent = announcer.Sent;
        Patience.Until(() => announcer.Sent >= sent + 6);
        Assert.Empty(announcer.Problems);
        Volatile.Write(ref port, 1);
        Patience.Until(() => announcer.Problems.Count > 0);
        Assert.Equal("subnet 127.0.0.0/8", Assert.Single(announcer.Problems).Subject);
    }

    [Fact]
    public async Task LanAnnouncer_FunctionThatFails_IsAProblemUntilItDoesNot()
    {
        int step = 0;
        using KeyPair other = KeyPair.Generate();
        await using var announcer = new LanAnnouncer(_options, _keys, _ => Volatile.Read(ref step) switch
        {
            0 => throw new InvalidOperationException("not now"),
            1 => Recorded.AddressOf(other),
            2 => null,
            _ => Recorded.AddressOf(_keys),
        });
        announcer.Start();
        Patience.Until(() => announcer.Problems.Any(problem => problem.Message.Contains("not now", StringComparison.Ordinal)));
        Volatile.Write(ref step, 1);
        Patience.Until(() => announcer.Problems.Any(problem => problem.Message.Contains(other.Id.ToBase64(), StringComparison.Ordinal)));
        Volatile.Write(ref step, 2);
        Patience.Until(() => announcer.Problems.Count == 0);
        Assert.Equal(0, announcer.Sent);
        Volatile.Write(ref step, 3);
        Patience.Until(() => announcer.Sent >= 2);
    }

    [Fact]
    public async Task DiscoverAsync_NoRouteThatMayBeDialled_IsCountedAndMeasured()
    {
        await using var discovery = new LanDiscovery(_options with { AcceptAnyRoute = false });
        IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(Cancelled);
        Send(LanDatagram.EncodeNormal(Recorded.AddressOf(_keys), _keys, s_network), _options.NormalPort);
        MultiserverAddress good = Recorded.AddressOf(_keys, "127.0.0.1");
        Send(LanDatagram.EncodeNormal(MultiserverAddress.Parse($"{Recorded.AddressOf(_keys).Text};{good.Text}"), _keys, s_network),
            _options.NormalPort);
        Assert.Equal(good, (await FirstAsync(heard)).Address);
        LanCounters counters = discovery.Counters;
        Assert.Equal((1, 1, 2), (counters.Rejected[LanReject.NoRoute], counters.Accepted, counters.DroppedRoutes));

        long measured = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, meters) =>
        {
            if (instrument.Meter.Name == LanDiscovery.MeterName && instrument.Name == "ssb.conn.lan.dropped_routes")
                meters.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => measured += value);
        listener.Start();
        listener.RecordObservableInstruments();
        Assert.True(measured >= 2); // other tests may run their own discovery at the same time
    }

    private static async Task<LanAnnouncement> FirstAsync(IAsyncEnumerable<LanAnnouncement> heard)
    {
        await foreach (LanAnnouncement announcement in heard)
            return announcement;
        throw new InvalidOperationException("It ended without an announcement.");
    }

    private static async Task<List<LanAnnouncement>> AllAsync(IAsyncEnumerable<LanAnnouncement> heard)
    {
        var all = new List<LanAnnouncement>();
        await foreach (LanAnnouncement announcement in heard)
            all.Add(announcement);
        return all;
    }

    private static void Send(byte[] datagram, int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.SendTo(datagram, new IPEndPoint(IPAddress.Loopback, port));
    }

    private void AssertPortsAreFree()
    {
        BindExclusively(_options.NormalPort).Dispose();
        BindExclusively(_options.LegacyPort).Dispose();
    }

    private static Socket BindExclusively(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        if (OperatingSystem.IsWindows())
            socket.ExclusiveAddressUse = true;
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }
}
