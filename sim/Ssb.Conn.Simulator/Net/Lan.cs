namespace Ssb.Conn.Simulator;

/// <summary>Hosts that hear each other's announcements, and can be dialled from nowhere else (but through rooms).</summary>
internal sealed class Lan(World world, int number)
{
    public static readonly TimeSpan AnnounceEvery = TimeSpan.FromSeconds(2);

    private static readonly PeerData s_announced = new() { Type = "lan", Verified = true };

    public World World => world;

    public int Number => number;

    /// <summary>As each host names it, which has one interface.</summary>
    public static string Group => "lan:wlan0";

    public List<SimHost> Hosts { get; } = [];

    public string HostAddress(int host) => $"10.{number / 200}.{number % 200}.{host}";

    public void Add(SimHost host)
    {
        Hosts.Add(host);
        string source = $"{Group}/{host.IpAddress}";
        world.Every(AnnounceEvery, AnnounceEvery * world.Random.NextDouble(), () =>
        {
            if (host.IsUp)
                Announce(host.LanAddress, s_announced, source, isHonest: true, except: host);
        });
    }

    public void Announce(MultiserverAddress address, PeerData data, string source, bool isHonest, SimHost? except = null)
    {
        foreach (SimHost host in Hosts)
        {
            if (host != except && host.IsUp)
                host.Hear(address, data, source, isHonest, AnnounceEvery + AnnounceEvery);
        }
    }
}
