using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Soak.Hostile;

/// <summary>The attacks, all from one address of this machine, in a process of their own.</summary>
internal sealed class Attacker(Cast cast, MultiserverAddress target, IPAddress from)
{
    private const byte Json = 2, End = 4, StreamFlag = 8;

    private static readonly byte[] s_manifest = """{"name":["manifest"],"type":"async","args":[]}"""u8.ToArray();
    private static readonly byte[] s_ping = """{"name":["conn","ping"],"type":"duplex","args":[{"timeout":300000}]}"""u8.ToArray();
    private static readonly byte[] s_forbidden = """{"name":["conn","stage"],"type":"sync","args":["net:127.0.0.1:1~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0="]}"""u8.ToArray();

    private readonly Random _random = cast.RandomFor("attacker");
    private long _tries, _sent;

    /// <summary>Each by its name, and what it is.</summary>
    public static IReadOnlyList<(string Name, string What)> All { get; } =
    [
        ("half-open", "5,000 connections without a byte, in waves of 500"),
        ("slow", "200 handshakes at a time, a byte a second each"),
        ("garbage", "random bytes of every length from 1 to 8,192, 32 connections at a time"),
        ("streams", "one identity, 4 connections: 1,000 streams on each, then items to them without end"),
        ("deaf", "10 identities, 4 connections each: `manifest` without end, no answer is read"),
        ("network", "another network key, 32 at a time"),
        ("replay", "the bytes of an honest peer's connection again, 32 at a time"),
        ("oversized", "after the handshake a frame of more than 1 MiB, or of 4 GiB; then anew, 16 at a time"),
        ("large", "frames of 1 MiB that are no request, 4 connections"),
        ("calls", "4 identities, 4 connections each: `manifest` and `conn.ping` without end"),
        ("goodbye", "8 identities, 4 connections each: a goodbye, and then frames without end"),
        ("forbidden", "4 identities, 4 connections each: `conn.stage`, which strangers may not call, without end"),
    ];

    public static async Task<int> RunAsync(Cast cast, MultiserverAddress target, IPAddress from, string name, double seconds)
    {
        var attacker = new Attacker(cast, target, from);
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        await attacker.StartOf(name)(over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Crowd.Say($"{attacker._tries} {attacker._sent}");
        return 0;
    }

    private Func<CancellationToken, Task> StartOf(string name) => name switch
    {
        "half-open" => HalfOpenAsync,
        "slow" => token => Many(200, SlowAsync, token),
        "garbage" => token => Many(32, GarbageAsync, token),
        "network" => token => Many(32, NetworkAsync, token),
        "replay" => ReplayAsync,
        "oversized" => token => Many(16, OversizedAsync, token),
        "large" => token => ManyKnown(1, 4, (stream, t) => FloodAsync(stream, 1, new byte[1024 * 1024], StreamFlag, t), token),
        "streams" => token => ManyKnown(1, 4, StreamsAsync, token),
        "deaf" => token => ManyKnown(10, 4, (stream, t) => FloodAsync(stream, 1000, s_manifest, Json, t), token, isDeaf: true),
        "calls" => token => ManyKnown(4, 4, CallsAsync, token),
        "goodbye" => token => ManyKnown(8, 4, GoodbyeAsync, token),
        "forbidden" => token => ManyKnown(4, 4, (stream, t) => FloodAsync(stream, 1000, s_forbidden, Json, t), token),
        _ => throw new ArgumentException($"No attack is called {name}.", nameof(name)),
    };

    // So many at a time, each again and again, whatever becomes of it.
    private Task Many(int count, Func<CancellationToken, Task> once, CancellationToken cancellationToken) => Task.WhenAll(Enumerable.Range(0, count).Select(async _ =>
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            Interlocked.Increment(ref _tries);
            try
            {
                await once(cancellationToken);
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, CancellationToken.None); // it was thrown out
            }
        }
    }));

    // Likewise, of identities that shake hands as they should.
    private Task ManyKnown(int identities, int connections, Func<Stream, CancellationToken, Task> once, CancellationToken cancellationToken, bool isDeaf = false) =>
        Task.WhenAll(Enumerable.Range(0, identities).Select(async i =>
        {
            using KeyPair keys = cast.KeysOf(50 + i);
            await Many(connections, async token =>
            {
                await using BoxStream stream = await Dialer.ShakeAsync(target, from, keys, cast.Network, token);
                Task reading = isDeaf ? Task.CompletedTask : stream.CopyToAsync(Stream.Null, token);
                try
                {
                    await once(stream, token);
                }
                finally
                {
                    stream.Dispose();
                    await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }, cancellationToken);
        }));

    private async Task GoodbyeAsync(Stream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(new byte[9], cancellationToken); // of muxrpc
        await FloodAsync(stream, 1_000, s_manifest, Json, cancellationToken);
    }

    private async Task HalfOpenAsync(CancellationToken cancellationToken)
    {
        for (int wave = 0; wave < 10; wave++)
        {
            Socket?[] sockets = await Task.WhenAll(Enumerable.Range(0, 500).Select(async _ =>
            {
                Interlocked.Increment(ref _tries);
                try
                {
                    return await Dialer.DialAsync(target, from, cancellationToken);
                }
                catch (SocketException)
                {
                    return null;
                }
            }));
            await Crowd.Wait(1, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (Socket? socket in sockets)
                socket?.Dispose();
        }
    }

    private async Task SlowAsync(CancellationToken cancellationToken)
    {
        using Socket socket = await Dialer.DialAsync(target, from, cancellationToken);
        for (int i = 0; i < 64; i++)
        {
            await socket.SendAsync(new byte[1], cancellationToken);
            Interlocked.Increment(ref _sent);
            await Crowd.Wait(1, cancellationToken);
        }
    }

    private async Task GarbageAsync(CancellationToken cancellationToken)
    {
        byte[] garbage = new byte[1 + (int)(Interlocked.Read(ref _tries) % 8192)];
        lock (_random)
            _random.NextBytes(garbage);
        using Socket socket = await Dialer.DialAsync(target, from, cancellationToken);
        await socket.SendAsync(garbage, cancellationToken);
        if (garbage.Length >= 64) // the target decides at 64 bytes; below that it waits for more
            await socket.ReceiveAsync(new byte[1], cancellationToken);
    }

    private async Task NetworkAsync(CancellationToken cancellationToken)
    {
        using KeyPair keys = KeyPair.Generate();
        await using BoxStream stream = await Dialer.ShakeAsync(target, from, keys, NetworkKey.Generate(), cancellationToken);
    }

    private async Task ReplayAsync(CancellationToken cancellationToken)
    {
        using KeyPair keys = cast.KeysOf(40);
        var copy = new MemoryStream();
        var rpc = RpcConnection.Start(await Dialer.ShakeAsync(target, from, keys, cast.Network, cancellationToken, raw => new TapStream(raw) { Copy = copy }));
        await rpc.GetManifestAsync(cancellationToken);
        await rpc.DisposeAsync();
        byte[] recorded = copy.ToArray();
        await Many(32, async token =>
        {
            using Socket socket = await Dialer.DialAsync(target, from, token);
            await socket.SendAsync(recorded, token);
            byte[] answer = new byte[1024];
            while (await socket.ReceiveAsync(answer, token) > 0)
                Interlocked.Increment(ref _sent);
        }, cancellationToken);
    }

    private async Task OversizedAsync(CancellationToken cancellationToken)
    {
        using KeyPair keys = KeyPair.Generate();
        await using BoxStream stream = await Dialer.ShakeAsync(target, from, keys, cast.Network, cancellationToken);
        byte[] frame = Frame(Json, 1, new byte[4096]);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), Interlocked.Increment(ref _sent) % 2 == 0 ? uint.MaxValue : (1024 * 1024) + 1);
        await stream.WriteAsync(frame, cancellationToken);
        while (await stream.ReadAsync(frame, cancellationToken) > 0)
        {
            // Until it is thrown out.
        }
    }

    private async Task StreamsAsync(Stream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(Enumerable.Range(1, 1000).SelectMany(i => Frame(StreamFlag | Json, i, s_ping)).ToArray(), cancellationToken);
        byte[] items = [.. Enumerable.Range(1, 1000).SelectMany(i => Frame(StreamFlag | Json, i, Encoding.ASCII.GetBytes(new string('1', 200))))];
        while (true)
        {
            await stream.WriteAsync(items, cancellationToken);
            Interlocked.Add(ref _sent, 1000);
        }
    }

    private async Task CallsAsync(Stream stream, CancellationToken cancellationToken)
    {
        for (int next = 1; ; next += 500)
        {
            await stream.WriteAsync(Enumerable.Range(next, 500).SelectMany(i => i % 2 == 0 ? Frame(Json, i, s_manifest)
                : [.. Frame(StreamFlag | Json, i, s_ping), .. Frame(StreamFlag | Json, i, "1"u8.ToArray()), .. Frame(StreamFlag | End | Json, i, "true"u8.ToArray())]).ToArray(), cancellationToken);
            Interlocked.Add(ref _sent, 1000);
        }
    }

    private async Task FloodAsync(Stream stream, int atOnce, byte[] body, byte flags, CancellationToken cancellationToken)
    {
        for (int next = 1; ; next += atOnce)
        {
            await stream.WriteAsync(Enumerable.Range(next, atOnce).SelectMany(i => Frame(flags, i, body)).ToArray(), cancellationToken);
            Interlocked.Add(ref _sent, atOnce);
        }
    }

    private static byte[] Frame(byte flags, int request, byte[] body)
    {
        byte[] frame = new byte[9 + body.Length];
        frame[0] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), request);
        body.CopyTo(frame, 9);
        return frame;
    }
}
