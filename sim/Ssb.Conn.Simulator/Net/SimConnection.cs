namespace Ssb.Conn.Simulator;

/// <summary>One end of a connection. When one end closes, the other hears of it after the latency of the way between them.</summary>
internal sealed class SimConnection : IPeerConnection
{
    private readonly TaskCompletionSource _closed = new(); // continues inline: all happens on the thread that runs the clock
    private readonly TimeSpan _latency;

    private SimConnection(SimNode owner, FeedId feedId, MultiserverAddress address, Place place, TimeSpan latency) =>
        (Owner, FeedId, Address, Place, _latency) = (owner, feedId, address, place, latency);

    public SimNode Owner { get; }

    public SimConnection Other { get; private set; } = null!; // set as the two are made

    public Place Place { get; }

    public FeedId FeedId { get; }

    public MultiserverAddress Address { get; }

    public Task Closed => _closed.Task;

    public PeerPing? Ping => null;

    public bool IsOpen => !_closed.Task.IsCompleted;

    /// <param name="caller">Who dialled.</param>
    /// <param name="callerId">As whom; hostile callers have many identities.</param>
    /// <param name="callerAddress">Where the call seems to come from.</param>
    /// <param name="address">What was dialled.</param>
    /// <param name="place">What is there.</param>
    /// <param name="latency">How long anything takes from one end to the other.</param>
    public static (SimConnection Near, SimConnection Far) Make(SimNode caller, FeedId callerId, MultiserverAddress callerAddress, MultiserverAddress address, Place place, TimeSpan latency)
    {
        var near = new SimConnection(caller, Names.Id(place.Key), address, place, latency);
        var far = new SimConnection(place.Node, callerId, callerAddress, place, latency) { Other = near };
        near.Other = far;
        caller.Ends.Add(near);
        place.Node.Ends.Add(far);
        return (near, far);
    }

    public Task CloseAsync(CancellationToken cancellationToken)
    {
        if (End())
            Owner.World.After(_latency, () => Other.End());
        return Task.CompletedTask;
    }

    /// <summary>The way between the two, or one of the two, is gone.</summary>
    public void Cut() => _ = CloseAsync(CancellationToken.None); // completed

    private bool End()
    {
        if (!_closed.TrySetResult())
            return false;
        Owner.Ends.Remove(this);
        Owner.Ended(this);
        return true;
    }
}

/// <summary>What an address leads to.</summary>
/// <param name="Node">Who is there.</param>
/// <param name="Key">The identity that it proves there.</param>
/// <param name="Lan">Only from this LAN, if set.</param>
/// <param name="Room">Only through this room, if set.</param>
internal sealed record Place(SimNode Node, string Key, Lan? Lan = null, Room? Room = null);
