using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;
using Ssb.Conn.Net;

namespace Ssb.Conn.Cli;

/// <summary>Shows the bench on a terminal until it is told to stop, and turns keys into scrolling.</summary>
internal sealed class LiveView(Watch watch, bool colour)
{
    private readonly Frames _frames = new(watch.Time);
    private volatile StagingSnapshot _bench = watch.Staging.Entries();
    private volatile int _scroll;

    /// <summary>Shows it.</summary>
    /// <param name="quit">Called when the person asks to end it.</param>
    /// <param name="cancellationToken">Ends it, by its exception.</param>
    public async Task RunAsync(Action quit, CancellationToken cancellationToken)
    {
        using var terminal = new Terminal(_frames.Redraw);
        Task[] tasks = [FollowAsync(cancellationToken), ObeyAsync(quit, cancellationToken), DrawAsync(terminal, cancellationToken)];
        Task first = await Task.WhenAny(tasks);
        await first;
        await Task.WhenAll(tasks);
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        await foreach (StagingSnapshot bench in watch.Staging.LiveEntries(cancellationToken))
        {
            _bench = bench;
            _frames.Redraw();
        }
    }

    private async Task ObeyAsync(Action quit, CancellationToken cancellationToken)
    {
        await foreach (ConsoleKey key in Terminal.ReadKeys().ReadAllAsync(cancellationToken))
        {
            int height = Terminal.Size.Height;
            if (key == ConsoleKey.Q)
                quit();
            else if (Scrolling.Move(key, _scroll, _bench.Count, LiveTable.BodyHeight(height)) is { } scroll)
                _scroll = LiveTable.ClampScroll(scroll, _bench.Count, height);
            _frames.Redraw();
        }
    }

    private Task DrawAsync(Terminal terminal, CancellationToken cancellationToken)
    {
        StagingSnapshot? counted = null;
        int verified = 0;
        return _frames.DrawAsync(size =>
        {
            StagingSnapshot bench = Newest();
            if (bench != counted)
                (counted, verified) = (bench, bench.Count(peer => peer.Verified == true));
            terminal.Show(LiveTable.Render(Model(bench, verified), size, _scroll, colour), size);
        }, cancellationToken);
    }

    // The stream tells of no refresh, and the table shows when a peer was last heard.
    private StagingSnapshot Newest()
    {
        try
        {
            return _bench = watch.Staging.Entries();
        }
        catch (ObjectDisposedException)
        {
            return _bench; // it ends just now
        }
    }

    private TableModel Model(StagingSnapshot bench, int verified)
    {
        LanCounters lan = watch.Counters;
        return new TableModel
        {
            Title = watch.Title,
            Notice = watch.Problems.FirstOrDefault() ?? "",
            Now = watch.Time.GetUtcNow(),
            Elapsed = watch.Elapsed,
            TimeToLive = Watch.TimeToLive,
            Count = bench.Count,
            Rows = (first, count) => bench.Skip(first).Take(count).Select(Row),
            Verified = verified,
            Seen = watch.Tally.Seen,
            Expired = watch.Tally.Expired,
            Heard = lan.Datagrams,
            Rejected = Summary.Rejected(lan).Values.Sum(),
            RateLimited = lan.RateLimited + lan.OverBudget + watch.Tally.Refused,
        };
    }

    private static PeerRow Row(StagedPeer peer) => new(
        peer.Key ?? "",
        peer.Type ?? "",
        peer.Address.ToString(),
        peer.Verified == true,
        peer.IsFromElsewhere(),
        Teller(peer),
        peer.StagingBirth,
        peer.StagingUpdated);

    /// <summary>The source that LAN discovery gives, lan:INTERFACE:SENDER, without what the column of types says already.</summary>
    private static string Teller(StagedPeer peer)
    {
        string source = peer.Source ?? "";
        string type = $"{peer.Type}:";
        return source.StartsWith(type, StringComparison.Ordinal) ? source[type.Length..] : source;
    }
}
