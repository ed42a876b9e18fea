using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Ssb.Conn.Net;

/// <summary>Hands announcements on to any number of readers.</summary>
/// <remarks>Thread-safe. A reader that lags by more than <see cref="Lag"/> loses the oldest: announcements repeat every few seconds.</remarks>
internal sealed class LanFeed
{
    public const int Lag = 256;

    private readonly Lock _gate = new();
    private readonly HashSet<Channel<LanAnnouncement>> _readers = []; // under _gate
    private bool _ended; // under _gate

    /// <summary>Hands one on; never waits.</summary>
    public void Hand(LanAnnouncement announcement)
    {
        lock (_gate)
        {
            foreach (Channel<LanAnnouncement> reader in _readers)
                reader.Writer.TryWrite(announcement);
        }
    }

    /// <summary>Those that are handed on from this call on, until cancelled or <see cref="End"/>.</summary>
    public IAsyncEnumerable<LanAnnouncement> Read(CancellationToken cancellationToken)
    {
        var reader = Channel.CreateBounded<LanAnnouncement>(new BoundedChannelOptions(Lag) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        lock (_gate)
        {
            if (_ended)
                reader.Writer.Complete();
            else
                _readers.Add(reader);
        }

        return ReadAsync(reader, cancellationToken);
    }

    /// <summary>Ends all streams.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            foreach (Channel<LanAnnouncement> reader in _readers)
                reader.Writer.TryComplete();
            _readers.Clear();
        }
    }

    private async IAsyncEnumerable<LanAnnouncement> ReadAsync(Channel<LanAnnouncement> reader, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            await foreach (LanAnnouncement announcement in reader.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                yield return announcement;
        }
        finally
        {
            lock (_gate)
                _readers.Remove(reader);
        }
    }
}
