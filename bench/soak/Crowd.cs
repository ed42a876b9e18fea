using System.Collections.Concurrent;
using Ssb.Conn.Net;

namespace Ssb.Conn.Soak;

/// <summary>The child process: some 40 whole peers and 12 raw ones at a time, of 150 identities, that come, call, are called, and leave in every way; and strangers.</summary>
/// <remarks>It is told where the peer under measurement is by lines <c>at ADDRESS</c>, says <c>here ADDRESS</c> and <c>gone ADDRESS</c>, and ends with its
/// input, saying what it did.</remarks>
internal sealed class Crowd
{
    private const int WholePeers = 40, RawPeers = 12, StrangerPlaces = 4;

    /// <summary>So many of the whole peers announce themselves on the LAN instead of being told of.</summary>
    private const int Announcers = 8;

    private readonly Cast _cast;
    private readonly int _lanPort;
    private readonly ConcurrentQueue<int> _free; // identities that are nowhere
    private readonly ConcurrentDictionary<string, int> _did = new();

    private Crowd(Cast cast, int lanPort)
    {
        (_cast, _lanPort) = (cast, lanPort);
        int[] identities = [.. Enumerable.Range(0, Cast.Identities)];
        cast.RandomFor("order").Shuffle(identities);
        _free = new ConcurrentQueue<int>(identities);
    }

    public Cast Cast => _cast;

    /// <summary>The peer under measurement; null until it is told of.</summary>
    public MultiserverAddress? Target { get; private set; }

    public static async Task<int> RunAsync(Cast cast, int lanPort)
    {
        var crowd = new Crowd(cast, lanPort);
        using var over = new CancellationTokenSource();
        Task[] all =
        [
            .. Enumerable.Range(0, WholePeers).Select(i => crowd.RepeatAsync($"whole {i}", (random, token) => crowd.PlayAsync(random,
                (identity, r, t) => WholeLife.RunAsync(crowd, identity, i < Announcers ? crowd._lanPort : null, r, t), token), over.Token)),
            .. Enumerable.Range(0, RawPeers).Select(i => crowd.RepeatAsync($"raw {i}", (random, token) => crowd.PlayAsync(random,
                (identity, r, t) => RawLife.RunAsync(crowd, identity, r, t), token), over.Token)),
            .. Enumerable.Range(0, StrangerPlaces).Select(i => crowd.RepeatAsync($"stranger {i}", (random, token) => Strangers.CallAsync(crowd, random, token), over.Token)),
        ];
        while (await Console.In.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("at ", StringComparison.Ordinal))
                crowd.Target = MultiserverAddress.Parse(line[3..]);
        }

        await over.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Say("did " + string.Join(", ", crowd._did.OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => $"{d.Key} {d.Value}")));
        return 0;
    }

    public static void Say(string line)
    {
        lock (Console.Out)
            Console.Out.WriteLine(line);
    }

    public void Count(string what) => _did.AddOrUpdate(what, 1, static (_, n) => n + 1);

    public static Task Wait(double seconds, CancellationToken cancellationToken) => Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, cancellationToken);

    private async Task RepeatAsync(string role, Func<Random, CancellationToken, Task> once, CancellationToken cancellationToken)
    {
        Random random = _cast.RandomFor(role);
        while (true)
        {
            await Wait(random.NextDouble() * 2, cancellationToken);
            if (Target is null)
                continue;
            try
            {
                await once(random, cancellationToken);
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                Count($"ended by {e.GetType().Name}"); // what the other side does to it is no fault of the soak; how often is told
            }
        }
    }

    private async Task PlayAsync(Random random, Func<int, Random, CancellationToken, Task> life, CancellationToken cancellationToken)
    {
        if (!_free.TryDequeue(out int identity))
            return;
        try
        {
            await life(identity, random, cancellationToken);
        }
        finally
        {
            _free.Enqueue(identity);
        }
    }
}
