using System.Net;
using System.Net.Sockets;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli;

/// <summary>Embedded peers on this computer that announce, fall silent and return, so that there is something to see where no
/// SSB is near.</summary>
/// <remarks>
/// They speak to one port on 127.0.0.1, in the normal format, sealed with a network key made for this run: no SSB program on
/// this computer hears or understands them. Nothing listens at the addresses that they announce.
/// </remarks>
internal sealed class Neighbours : IDisposable
{
    /// <summary>As ssb-lan 1.2.3 announces.</summary>
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(2);

    private const int FirstPort = 20_000;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly PriorityQueue<Neighbour, TimeSpan> _next = new();
    private readonly Random _random;
    private readonly TimeProvider _time;
    private readonly IPEndPoint _to;

    /// <summary>Makes them; none speaks yet.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Gives the same keys and habits each time; null for new ones.</param>
    /// <param name="lan">Whom they speak to, from <see cref="LanFor"/>.</param>
    /// <param name="time">The clock.</param>
    public Neighbours(int count, int? seed, LanOptions lan, TimeProvider time)
    {
        _random = seed is { } given ? new Random(given) : new Random();
        _time = time;
        _to = new IPEndPoint(IPAddress.Loopback, lan.NormalPort);
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        for (int i = 0; i < count; i++)
        {
            using KeyPair keys = NextIdentity(_random);
            var address = MultiserverAddress.Parse($"net:127.0.0.1:{FirstPort + i}~shs:{keys.Id.ToBase64()}");
            byte[] datagram = LanDatagram.EncodeNormal(address, keys, lan.NetworkKey);

            // The first says a single word and falls silent, so that within seconds somebody is seen to expire.
            TimeSpan arrival = i == 0 ? Between(0.2, 0.8) : Between(0.5, 4);
            TimeSpan falls = i == 0 ? arrival + s_interval / 2 : arrival + Between(6, 40);
            _next.Enqueue(new Neighbour(datagram) { FallsSilent = falls }, arrival);
        }
    }

    /// <summary>An identity of a demonstration, worth nothing: it need not be secret, only the same again for the same seed.</summary>
    public static KeyPair NextIdentity(Random random)
    {
        Span<byte> seed = stackalloc byte[KeyPair.SeedSize];
        random.NextBytes(seed);
        return KeyPair.FromSeed(seed);
    }

    /// <summary>Options for a network of their own on this computer.</summary>
    public static LanOptions LanFor(int count, NetworkKey network, TimeProvider time) => new()
    {
        Loopback = true,
        Legacy = false,
        NetworkKey = network,
        NormalPort = FreePort(),
        AnnounceInterval = s_interval,
        TimeProvider = time,

        // To the receiver all of them are one sender.
        Limits = new LanLimits
        {
            SenderRate = 2 * count + 50,
            SenderBurst = 2 * count + 50,
            LaneRate = 2 * count + 50,
            RememberedPerSender = 2 * count,
            Remembered = 4 * count + 16,
        },
    };

    /// <summary>Lets them speak until cancelled.</summary>
    public async Task SpeakAsync(CancellationToken cancellationToken)
    {
        long start = _time.GetTimestamp();
        while (_next.TryDequeue(out Neighbour? neighbour, out TimeSpan due))
        {
            TimeSpan wait = due - _time.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, _time, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            await _socket.SendToAsync(neighbour.Datagram, SocketFlags.None, _to, cancellationToken);

            TimeSpan next = due + s_interval;
            if (next >= neighbour.FallsSilent)
            {
                next += Between(12, 20); // longer than the 10 s that a peer stays on the bench
                neighbour.FallsSilent = next + Between(6, 40);
            }

            _next.Enqueue(neighbour, next);
        }
    }

    public void Dispose() => _socket.Dispose();

    private TimeSpan Between(double least, double most) => TimeSpan.FromSeconds(least + _random.NextDouble() * (most - least));

    /// <summary>A port that the system says is free. Another program may take it before we do, which then is an error to report.</summary>
    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port; // bound, so it has one
    }

    private sealed class Neighbour(byte[] datagram)
    {
        public byte[] Datagram { get; } = datagram;

        public TimeSpan FallsSilent { get; set; }
    }
}
