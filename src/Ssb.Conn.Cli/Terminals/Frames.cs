using System.Threading.Channels;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Terminals;

/// <summary>When a terminal is drawn: whenever there is something new, and each second, but at most ten times a second.</summary>
internal sealed class Frames(TimeProvider time)
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(1); // clocks and ages go on

    // Whoever has something new to show says so here; saying it twice before a frame is saying it once.
    private readonly Channel<bool> _dirty = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>There is something new.</summary>
    public void Redraw() => _dirty.Writer.TryWrite(true);

    /// <summary>Draws until cancelled.</summary>
    public async Task DrawAsync(Action<TableSize> draw, CancellationToken cancellationToken)
    {
        await using ITimer ticks = time.CreateTimer(_ => Redraw(), null, s_longest, s_longest);
        while (true)
        {
            draw(Terminal.Size);
            await Task.Delay(s_shortest, time, cancellationToken);
            await _dirty.Reader.ReadAsync(cancellationToken);
        }
    }
}
