// gossip.ping, npm pull-ping 2.0.3: a duplex over which two peers play. One serves its clock (Date.now(), a JSON number); the other volleys
// its own back at once, and after a while serves in turn.
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ssb.Wire;

/// <summary>One exchange of clocks.</summary>
/// <param name="RoundTrip">From serving to the answer.</param>
/// <param name="Skew">How far the peer's clock is ahead of ours, if its answer came from half way.</param>
public readonly record struct PingSample(TimeSpan RoundTrip, TimeSpan Skew);

/// <summary>Measures the time to a peer and keeps the connection from being idle: <c>gossip.ping</c>, which every SSB peer serves.</summary>
public static class GossipPing
{
    /// <summary>The pause between two exchanges that JavaScript peers use: 5 minutes.</summary>
    public static TimeSpan DefaultInterval { get; } = TimeSpan.FromMinutes(5);

    /// <summary>Adds <c>gossip.ping</c> to an api.</summary>
    /// <param name="api">Where it is added.</param>
    /// <param name="name">Another name for it, such as <c>conn.ping</c>.</param>
    /// <param name="interval">The pause before we serve in turn, unless the caller names another (<c>{"timeout":ms}</c>).</param>
    /// <param name="timeProvider">Our clock.</param>
    /// <exception cref="ArgumentException">There is one already.</exception>
    public static RpcApi AddTo(RpcApi api, string name = "gossip.ping", TimeSpan? interval = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(api);
        return api.Duplex(name, async (call, stream, cancellationToken) =>
        {
            TimeSpan pause = RequestedInterval(call) ?? interval ?? DefaultInterval;
            await PlayAsync(stream, serve: false, pause, timeProvider ?? TimeProvider.System, null, cancellationToken).ConfigureAwait(false);
        });
    }

    /// <summary>The pause between two exchanges that keeps a connection from being idle: <see cref="DefaultInterval"/>, or half of
    /// <see cref="RpcOptions.IdleTimeout"/> where that is shorter.</summary>
    public static TimeSpan IntervalFor(RpcConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        TimeSpan idle = connection.Options.IdleTimeout;
        return idle != Timeout.InfiniteTimeSpan && idle / 2 < DefaultInterval ? idle / 2 : DefaultInterval;
    }

    /// <summary>Plays with a peer until the connection, the peer or the token ends it.</summary>
    /// <remarks>The peer serves in turn, as JavaScript peers do. One that only answers is served again after one and a half intervals, so that the
    /// connection is never silent for longer than that.</remarks>
    /// <param name="connection">The connection to the peer.</param>
    /// <param name="onSample">Hears of each exchange that we served.</param>
    /// <param name="interval">The pause between two exchanges. Default: what <see cref="IntervalFor"/> gives. With one of two thirds of
    /// <see cref="RpcOptions.IdleTimeout"/> or more, the connection may end as idle meanwhile.</param>
    /// <param name="cancellationToken">Ends it in an orderly way.</param>
    /// <exception cref="RpcException">The peer does not serve it, or the connection ended.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static async Task RunAsync(
        RpcConnection connection, Action<PingSample> onSample, TimeSpan? interval = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(onSample);
        TimeSpan pause = interval ?? IntervalFor(connection);
        RpcDuplex stream = connection.Duplex("gossip.ping", [Milliseconds(pause)]);
        await using (stream.ConfigureAwait(false))
            await PlayAsync(stream, serve: true, pause, connection.Options.TimeProvider, Hear, cancellationToken).ConfigureAwait(false);

        void Hear(PingSample sample)
        {
            connection.Answered();
            onSample(sample);
        }
    }

    /// <summary>Measures once.</summary>
    /// <exception cref="RpcException">The peer does not serve it, or the connection ended.</exception>
    public static async Task<PingSample> MeasureAsync(RpcConnection connection, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        RpcDuplex stream = connection.Duplex("gossip.ping", [Milliseconds(DefaultInterval)]);
        await using (stream.ConfigureAwait(false))
        {
            TimeProvider clock = connection.Options.TimeProvider;
            (long start, DateTimeOffset served) = await ServeAsync(stream, clock, cancellationToken).ConfigureAwait(false);
            await foreach (RpcValue answer in stream.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                return Sample(answer, start, served, clock);
            throw new RpcException(RpcError.Malformed, "The peer ended gossip.ping without an answer.");
        }
    }

    private static async Task PlayAsync(
        RpcDuplex stream, bool serve, TimeSpan interval, TimeProvider clock, Action<PingSample>? onSample, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pause = CancellationTokenSource.CreateLinkedTokenSource(over.Token);
        IAsyncEnumerator<RpcValue> incoming = stream.ReadAllAsync(over.Token).GetAsyncEnumerator(CancellationToken.None);
        Task<bool> next = incoming.MoveNextAsync().AsTask();
        try
        {
            Task? ourTurn = serve ? Task.CompletedTask : null;
            bool isTheirTurn = false; // and if they do not take it, it is ours
            (long Start, DateTimeOffset At)? served = null;
            while (true)
            {
                Task first = ourTurn is null ? next : await Task.WhenAny(next, ourTurn).ConfigureAwait(false);
                if (first == ourTurn)
                {
                    await ourTurn.ConfigureAwait(false); // throws if cancelled
                    ourTurn = null;
                    served = await ServeAsync(stream, clock, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                if (!await next.ConfigureAwait(false))
                    return;

                if (served is { } ours)
                {
                    served = null;
                    PingSample sample = Sample(incoming.Current, ours.Start, ours.At, clock);
                    onSample?.Invoke(sample);
                    if (serve && ourTurn is null)
                        (ourTurn, isTheirTurn) = (Task.Delay(interval * 1.5, clock, pause.Token), true);
                }
                else
                {
                    await ServeAsync(stream, clock, cancellationToken).ConfigureAwait(false);
                    if (isTheirTurn && ourTurn is not null)
                    {
                        await pause.CancelAsync().ConfigureAwait(false);
                        pause.Dispose();
                        pause = CancellationTokenSource.CreateLinkedTokenSource(over.Token);
                        ourTurn = null;
                    }

                    isTheirTurn = false;
                    ourTurn ??= Task.Delay(interval, clock, pause.Token);
                }

                next = incoming.MoveNextAsync().AsTask();
            }
        }
        finally
        {
            // No pause outlives the game, or a peer could heap them up; and an enumeration is not disposed of while it waits.
            await over.CancelAsync().ConfigureAwait(false);
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await incoming.DisposeAsync().ConfigureAwait(false);
            pause.Dispose();
        }
    }

    private static async ValueTask<(long Start, DateTimeOffset At)> ServeAsync(RpcDuplex stream, TimeProvider clock, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        long start = clock.GetTimestamp();
        await stream.WriteAsync(now.ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false);
        return (start, now);
    }

    private static PingSample Sample(in RpcValue answer, long start, DateTimeOffset served, TimeProvider clock)
    {
        TimeSpan roundTrip = clock.GetElapsedTime(start);
        if (!double.TryParse(answer.Bytes.Span, NumberStyles.Float, CultureInfo.InvariantCulture, out double theirs) || !(Math.Abs(theirs) < 6e13)) // 1,900 years either way, which a date can hold
            throw new RpcException(RpcError.Malformed, "The peer answered gossip.ping with something else than its clock.");
        return new PingSample(roundTrip, DateTimeOffset.UnixEpoch.AddMilliseconds(theirs) - (served + roundTrip / 2));
    }

    private static RpcValue Milliseconds(TimeSpan interval) =>
        RpcValue.RawJson(Encoding.ASCII.GetBytes($"{{\"timeout\":{(long)interval.TotalMilliseconds}}}"));

    // A caller may not make us serve like a machine gun, nor ask for what no timer takes.
    private static TimeSpan? RequestedInterval(RpcCall call) =>
        call.Argument(0) is { } options && JsonGate.TryGetMember(options, "timeout"u8, out JsonElement timeout) && timeout.ValueKind == JsonValueKind.Number
        && timeout.TryGetDouble(out double milliseconds) && milliseconds is >= 1000 and <= int.MaxValue
            ? TimeSpan.FromMilliseconds(milliseconds)
            : null;
}
