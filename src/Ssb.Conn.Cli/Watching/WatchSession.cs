using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.Terminals;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Watching;

/// <summary>Watches a running peer, and finds it again when it has been away.</summary>
/// <param name="attach">Attaches to it.</param>
/// <param name="patience">How long that may take.</param>
/// <param name="time">The clock of pauses.</param>
internal sealed class WatchSession(Func<CancellationToken, Task<RemotePeer>> attach, TimeSpan patience, TimeProvider time)
{
    /// <summary>How often an address book is asked for that does not tell of its changes.</summary>
    public static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(15);

    /// <summary>Watches it until cancelled.</summary>
    /// <exception cref="FailedException">It was not there at first, or does not let us watch it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async IAsyncEnumerable<WatchEvent> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        TimeSpan pause = s_shortest;
        for (bool isFirst = true; ; isFirst = false)
        {
            string reason = "";
            RemotePeer? peer = null;
            try
            {
                peer = await AttachAsync(cancellationToken);
            }
            catch (FailedException e) when (!isFirst)
            {
                reason = e.Message;
            }

            if (peer is not null)
            {
                await using RemotePeer attached = peer;
                pause = s_shortest;
                yield return new WatchEvent.Attached(peer.Where, peer.Has, peer.CallAsync);
                await foreach (WatchEvent.Entries entries in FollowAsync(peer, cancellationToken))
                    yield return entries;
                reason = Farewell(await peer.Completion);
            }

            yield return new WatchEvent.Gone(reason, pause);
            await Task.Delay(pause, time, cancellationToken);
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, s_longest.Ticks));
        }
    }

    /// <summary>Shows it until told to stop: in a view with keys, or as lines.</summary>
    /// <param name="state">Of the view; null for lines.</param>
    /// <param name="output">Where lines are written.</param>
    /// <param name="isMasked">Is what is not known to be public left out of the lines?</param>
    /// <param name="stop">Ends it, by its exception; the view cancels it when the person asks to quit.</param>
    /// <inheritdoc cref="RunAsync" path="/exception"/>
    public async Task ShowAsync(WatchState? state, TextWriter output, bool isMasked, CancellationTokenSource stop)
    {
        if (state is not null)
        {
            await new WatchView(state, patience, time, Terminal.WantsColour).RunAsync(RunAsync, stop.Cancel, stop.Token);
            return;
        }

        var lines = new WatchLines(output, time, isMasked);
        await foreach (WatchEvent happened in RunAsync(stop.Token))
            await lines.WriteAsync(happened);
    }

    private async Task<RemotePeer> AttachAsync(CancellationToken cancellationToken)
    {
        using var guard = new CancellationTokenSource(patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(guard.Token, cancellationToken);
        try
        {
            return await attach(both.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new FailedException($"it did not answer within {Durations.Short(patience)}", e);
        }
    }

    /// <summary>All pools that the peer has, until its connection ends.</summary>
    private async IAsyncEnumerable<WatchEvent.Entries> FollowAsync(RemotePeer peer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        peer.Require("conn.peers"); // a peer that has not even these has nothing to watch
        // Bounded: who draws is waited for, and the peer's streams skip to the newest state. One, as each holds a whole pool.
        var events = Channel.CreateBounded<WatchEvent.Entries>(1);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] pools =
        [
            ForwardAsync(Pool.Bench, Lists("conn.stagedPeers")),
            ForwardAsync(Pool.Hub, Lists("conn.peers")),
            ForwardAsync(Pool.Book, peer.Has("conn.dbPeersLive") ? Lists("conn.dbPeersLive") : PollAsync(peer, over.Token)),
        ];
        Task forwarding = EndAsync();
        try
        {
            await foreach (WatchEvent.Entries entries in events.Reader.ReadAllAsync(cancellationToken))
                yield return entries;
            await forwarding;
        }
        finally
        {
            await over.CancelAsync();
            await forwarding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        IAsyncEnumerable<IReadOnlyList<RemoteEntry>> Lists(string procedure) =>
            peer.Has(procedure) ? peer.ListsAsync(procedure, over.Token) : AsyncEnumerable.Empty<IReadOnlyList<RemoteEntry>>();

        async Task ForwardAsync(Pool pool, IAsyncEnumerable<IReadOnlyList<RemoteEntry>> lists)
        {
            await foreach (IReadOnlyList<RemoteEntry> list in lists)
                await events.Writer.WriteAsync(new WatchEvent.Entries(pool, list), over.Token);
        }

        // One that fails ends all; one that merely ends, as that of a pool does which the peer lacks, does not.
        async Task EndAsync()
        {
            try
            {
                var open = new List<Task>(pools);
                while (open.Count > 0 && await Task.WhenAny([peer.Completion, .. open]) is var ended && ended != peer.Completion)
                {
                    open.Remove(ended);
                    await ended;
                }

                await peer.Completion.WaitAsync(over.Token);
            }
            finally
            {
                await over.CancelAsync();
                await Task.WhenAll(pools).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                events.Writer.Complete();
            }
        }
    }

    private async IAsyncEnumerable<IReadOnlyList<RemoteEntry>> PollAsync(RemotePeer peer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var ticks = new PeriodicTimer(PollEvery, time);
        IReadOnlyList<RemoteEntry> last = [];
        for (bool isFirst = true; peer.Has("conn.dbPeers"); isFirst = false)
        {
            IReadOnlyList<RemoteEntry> now;
            try
            {
                now = await peer.ListAsync("conn.dbPeers", cancellationToken);
            }
            catch (FailedException e) when (e.InnerException is RpcException { Error: RpcError.ConnectionClosed })
            {
                yield break; // Completion says how
            }

            if (isFirst || now.Count != last.Count || !now.Zip(last).All(pair => pair.First.IsLike(pair.Second)))
                yield return now;
            last = now;
            await ticks.WaitForNextTickAsync(cancellationToken);
        }
    }

    private static string Farewell(RpcEnd end) => end.Reason switch
    {
        RpcEndReason.Goodbye => "it said goodbye",
        RpcEndReason.Idle => "the connection was idle",
        RpcEndReason.Silent => "it went silent",
        RpcEndReason.Violation => $"it broke the rules of the connection: {end.Error?.Message}",
        _ => "the connection broke",
    };
}
