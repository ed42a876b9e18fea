namespace Ssb.Conn.Simulator;

/// <summary>A server on the internet that lets everybody in. It dials nobody.</summary>
internal sealed class Pub : SimNode
{
    public Pub(World world, string name)
        : base(world, Names.Key(name))
    {
        Address = Names.Net(name + ".example", Key);
        world.Places.Add(Address, new Place(this, Key));
    }

    public MultiserverAddress Address { get; }

    /// <summary>All connections end, and nobody is let in any more.</summary>
    public void Die()
    {
        IsUp = false;
        CutAll();
    }
}
