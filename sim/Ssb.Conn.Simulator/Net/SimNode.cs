namespace Ssb.Conn.Simulator;

/// <summary>Something with an identity that can be connected to.</summary>
internal abstract class SimNode(World world, string key)
{
    public World World => world;

    public string Key => key;

    public FeedId FeedId { get; } = Names.Id(key);

    public virtual bool IsHostile => false;

    public bool IsUp { get; protected set; } = true;

    /// <summary>Its ends of the connections that stand.</summary>
    public HashSet<SimConnection> Ends { get; } = [];

    /// <summary>Asked during a caller's handshake.</summary>
    public virtual bool Welcomes(FeedId caller) => IsUp;

    /// <summary>Somebody has connected; the node has its end.</summary>
    public virtual void Take(SimConnection end)
    {
    }

    /// <summary>One of its connections has ended.</summary>
    public virtual void Ended(SimConnection end)
    {
    }

    /// <summary>All its connections end.</summary>
    public void CutAll()
    {
        foreach (SimConnection end in Ends.ToArray())
            end.Cut();
    }
}
