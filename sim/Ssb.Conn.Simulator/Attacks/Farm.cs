namespace Ssb.Conn.Simulator;

/// <summary>One attacker with as many identities as it likes: it accepts every dial, and keeps every connection.</summary>
internal sealed class Farm(World world, string name) : SimNode(world, Names.Key(name))
{
    private readonly Dictionary<SimConnection, Action> _onEnd = [];

    public override bool IsHostile => true;

    /// <summary>Does each identity say that it is a room, when it is asked?</summary>
    public bool CallsItselfRoom { get; init; }

    public string NewIdentity(int number)
    {
        string key = Names.Key($"{name} {number}");
        World.HostileIds.Add(Names.Id(key));
        return key;
    }

    /// <summary>Makes an address lead here.</summary>
    public MultiserverAddress Open(MultiserverAddress address, string key, Lan? lan = null, Room? room = null)
    {
        World.HostileAddresses.Add(address);
        World.Places.Add(address, new Place(this, key, lan, room));
        return address;
    }

    /// <summary>Calls a host as one of its identities, and again whenever it is thrown out or not let in.</summary>
    public void KeepCalling(string key, MultiserverAddress from, SimHost host, TimeSpan pause)
    {
        if (World.Call(this, key, from, host) is { IsOpen: true } end)
            _onEnd.Add(end, Again);
        else
            Again();

        void Again() => World.After(pause, () => KeepCalling(key, from, host, pause));
    }

    public override void Ended(SimConnection end)
    {
        if (_onEnd.Remove(end, out Action? then))
            then();
    }
}
