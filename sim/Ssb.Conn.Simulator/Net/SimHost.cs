namespace Ssb.Conn.Simulator;

/// <summary>An honest person's computer: a manager, a LAN, some rooms, and pubs in the address book.</summary>
internal sealed class SimHost : SimNode
{
    private static readonly PeerData s_room = PeerData.Parse("""{"type":"room","name":"a room"}""");

    private readonly Dictionary<MultiserverAddress, long> _heard = []; // honest peers that are on the bench, as far as we know, and when they were told of
    private readonly Dictionary<Room, MultiserverAddress> _tunnels = [];
    private readonly Dictionary<MultiserverAddress, string> _sources = [];
    private readonly SimNetwork _network;

    public SimHost(World world, string name, Lan lan)
        : base(world, Names.Key(name))
    {
        Lan = lan;
        IpAddress = lan.HostAddress(lan.Hosts.Count + 1);
        LanAddress = Names.Net(IpAddress, Key);
        CallingAddress = Names.Net(IpAddress, Key, port: 50_000);
        world.Places.Add(LanAddress, new Place(this, Key, Lan: lan));
        _network = new SimNetwork(this);
        // Completed: with no folder nothing is read.
        Plugin = ConnPlugin.OpenAsync(_network, world.Policy.Options(world, this)).GetAwaiter().GetResult();
        IsUp = false;
        lan.Add(this);
    }

    public ConnPlugin Plugin { get; }

    public Lan Lan { get; }

    public string IpAddress { get; }

    public MultiserverAddress LanAddress { get; }

    public MultiserverAddress CallingAddress { get; }

    /// <summary>The rooms that it is connected to.</summary>
    public HashSet<Room> Rooms { get; } = [];

    /// <summary>When it first came up.</summary>
    public TimeSpan? CameAt { get; private set; }

    /// <summary>When it first had a connection with an honest host or pub.</summary>
    public TimeSpan? FirstHonestAt { get; private set; }

    /// <summary>Honest peers that left the bench for others.</summary>
    public int Evicted { get; private set; }

    /// <summary>Times that an honest peer was refused, though it was not in connection.</summary>
    public int KeptOut { get; private set; }

    /// <summary>Times that one that an attacker told of was refused.</summary>
    public int Refused { get; private set; }

    public override bool Welcomes(FeedId caller) => IsUp && _network.Welcomes(caller);

    public override void Take(SimConnection end)
    {
        Plugin.Hub.Accept(end);
        Met(end);
    }

    public void Know(Room room) => Plugin.Remember(room.Address, PeerData.Parse("""{"type":"room"}"""));

    public void Know(Pub pub) => Plugin.Remember(pub.Address, PeerData.Parse("""{"type":"pub"}"""));

    public void Up()
    {
        if (IsUp)
            return;
        IsUp = true;
        CameAt ??= World.Now;
        Plugin.Start();
    }

    public void Down()
    {
        if (!IsUp)
            return;
        IsUp = false;
        _heard.Clear();
        _ = Plugin.StopAsync(); // what it does, it has done by now
        CutAll();
    }

    public MultiserverAddress TunnelThrough(Room room)
    {
        if (!_tunnels.TryGetValue(room, out MultiserverAddress? address))
        {
            _tunnels.Add(room, address = Names.Tunnel(room.Key, Key));
            World.Places.Add(address, new Place(this, Key, Room: room));
        }

        return address;
    }

    /// <summary>It is told of a peer, and tells us what became of honest ones.</summary>
    /// <param name="address">Where the peer is.</param>
    /// <param name="data">What is told.</param>
    /// <param name="source">By whom.</param>
    /// <param name="isHonest">Is it the truth?</param>
    /// <param name="again">It is told of again within this time.</param>
    public void Hear(MultiserverAddress address, PeerData data, string source, bool isHonest, TimeSpan again)
    {
        _sources[address] = source;
        StageResult result = Plugin.TryStage(address, data, source);
        if (!isHonest)
        {
            Refused += result.Outcome == StageOutcome.Refused ? 1 : 0;
            return;
        }

        long now = World.Now.Ticks;
        if (result.Outcome == StageOutcome.Refused)
        {
            _heard.Remove(address); // connected: it is elsewhere
            if (result.Reason != RefusalReason.InHub)
                KeptOut++;
            return;
        }

        if (result.Outcome == StageOutcome.Inserted && _heard.TryGetValue(address, out long last) && now - last <= again.Ticks)
            Evicted++; // nothing else takes it off the bench so soon
        _heard[address] = now;
    }

    /// <summary>Who told of an address last; null for one of the address book.</summary>
    public string? SourceOf(MultiserverAddress address) => _sources.GetValueOrDefault(address);

    public void Unhear(MultiserverAddress address)
    {
        _heard.Remove(address);
        Plugin.Unstage(address);
    }

    /// <summary>Its connection with a room has ended: so has all that went through it.</summary>
    public void Left(Room room)
    {
        Rooms.Remove(room);
        foreach (SimConnection end in Ends.Where(e => e.Place.Room == room).ToArray())
            end.Cut();
        foreach (StagedPeer peer in Plugin.Staging.Entries().Where(p => p.Source == room.Source).ToArray())
            Unhear(peer.Address);
    }

    /// <summary>A connection stands.</summary>
    public void Met(SimConnection end)
    {
        if (end.Other.Owner is Farm { CallsItselfRoom: true })
            // As the room client does, which asks every peer that we dialled.
            World.After(World.Latency(), () => Plugin.LearnRoom(end.Address, s_room));
        if (end.Other.Owner is { IsHostile: false } and not Room && end.IsOpen)
            FirstHonestAt ??= World.Now;
    }
}
