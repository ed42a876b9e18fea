namespace Ssb.Conn.Simulator;

/// <summary>A room server: who is connected to it is told who else is, and can be reached through it.</summary>
internal sealed class Room : SimNode
{
    public static readonly TimeSpan TellEvery = TimeSpan.FromMinutes(1);

    private static readonly PeerData s_attendant = new() { Type = "room-attendant" };

    private readonly List<SimHost> _attendants = [];
    private readonly bool _isHostile;

    public Room(World world, string name, bool isHostile)
        : base(world, Names.Key(name))
    {
        _isHostile = isHostile;
        Source = $"room:{FeedId}";
        Address = Names.Net(name + ".example", Key);
        world.Places.Add(Address, new Place(this, Key));
    }

    public override bool IsHostile => _isHostile;

    public MultiserverAddress Address { get; }

    /// <summary>As hosts name it.</summary>
    public string Source { get; }

    public IReadOnlyList<SimHost> Attendants => _attendants;

    /// <summary>Attendants that are not there, or are all one attacker: what the room tells of, truly or not.</summary>
    public List<MultiserverAddress> Listed { get; } = [];

    public bool Has(SimHost host) => host.Rooms.Contains(this);

    public override void Take(SimConnection end)
    {
        var host = (SimHost)end.Other.Owner; // nobody else connects to rooms
        if (!host.Rooms.Add(this))
            return; // it dialled again before we heard that its connection had ended
        _attendants.Add(host);
        World.After(World.Latency(), () => TellAll(host));
        if (IsHostile)
            return; // it tells of its own
        MultiserverAddress address = host.TunnelThrough(this);
        foreach (SimHost other in _attendants.ToArray())
        {
            if (other != host)
                other.Hear(address, s_attendant, Source, isHonest: true, TellEvery + TellEvery);
        }
    }

    public override void Ended(SimConnection end)
    {
        var host = (SimHost)end.Other.Owner;
        if (Ends.Any(e => e.Other.Owner == host) || !_attendants.Remove(host))
            return;
        host.Left(this);
        MultiserverAddress address = host.TunnelThrough(this);
        foreach (SimHost other in _attendants)
            other.Unhear(address);
    }

    /// <summary>All connections end, and nobody is let in any more.</summary>
    public void Die()
    {
        IsUp = false;
        CutAll();
    }

    public void TellAll(SimHost host)
    {
        if (!Has(host) || !host.IsUp)
            return;
        if (!IsHostile)
        {
            foreach (SimHost other in _attendants)
            {
                if (other != host)
                    host.Hear(other.TunnelThrough(this), s_attendant, Source, isHonest: true, TellEvery + TellEvery);
            }
        }

        foreach (MultiserverAddress listed in Listed)
            host.Hear(listed, s_attendant, Source, isHonest: false, TellEvery);
    }

    /// <summary>The list again, as who polls gets it.</summary>
    public void Begin() => World.Every(TellEvery, TellEvery * World.Random.NextDouble(), () =>
    {
        foreach (SimHost host in _attendants)
            TellAll(host);
    });
}
