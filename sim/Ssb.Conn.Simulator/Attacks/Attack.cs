namespace Ssb.Conn.Simulator;

/// <summary>Who is attacked.</summary>
/// <param name="World">Where.</param>
/// <param name="Lans">LANs in which the attacker has a machine.</param>
/// <param name="Hosts">The hosts of these LANs, those that come later included.</param>
/// <param name="Identities">How many identities the attacker uses at a place.</param>
internal sealed record Targets(World World, IReadOnlyList<Lan> Lans, IReadOnlyList<SimHost> Hosts, int Identities);

/// <summary>What attackers do. Each begins when it is called, and goes on to the end.</summary>
internal static class Attack
{
    private const int FirstForgedHost = 40; // honest hosts have lower numbers

    private static readonly PeerData s_signed = new() { Type = "lan", Verified = true };
    private static readonly PeerData s_unsigned = new() { Type = "lan", Verified = false };

    /// <summary>One machine in each LAN announces its many identities, from its own address or from many forged ones.</summary>
    public static void FloodLans(Targets targets, int senders)
    {
        foreach (Lan lan in targets.Lans)
        {
            var farm = new Farm(targets.World, $"flood of LAN {lan.Number}");
            var told = new List<Told>();
            for (int i = 0; i < targets.Identities; i++)
            {
                string key = farm.NewIdentity(i);
                string sender = Forged(lan, i % senders);
                told.Add(new Told(farm.Open(Names.Net(sender, key, 9_000 + i), key, lan), s_signed, $"{Lan.Group}/{sender}"));
            }

            Repeat(targets.World, lan, told);
        }
    }

    /// <summary>One machine in each LAN announces its identities, each of which says that it is a room to whoever dials it.</summary>
    public static void PretendRooms(Targets targets, int identities)
    {
        foreach (Lan lan in targets.Lans)
        {
            var farm = new Farm(targets.World, $"false rooms of LAN {lan.Number}") { CallsItselfRoom = true };
            var told = new List<Told>();
            string sender = Forged(lan, 0);
            for (int i = 0; i < identities; i++)
            {
                string key = farm.NewIdentity(i);
                told.Add(new Told(farm.Open(Names.Net(sender, key, 9_000 + i), key, lan), s_signed, $"{Lan.Group}/{sender}"));
            }

            Repeat(targets.World, lan, told);
        }
    }

    /// <summary>A room that all victims are members of tells of nobody but the attacker's identities, and connects to them.</summary>
    public static void RunRoom(Targets targets)
    {
        var room = new Room(targets.World, "hostile-room", isHostile: true);
        List(targets, room, new Farm(targets.World, "flood of a hostile room"));
        Invite(targets, room);
    }

    /// <summary>The attacker's identities enter an honest room of all victims, which lets everybody in.</summary>
    public static void EnterRoom(Targets targets)
    {
        Room room = targets.World.Rooms[0];
        List(targets, room, new Farm(targets.World, "flood of an honest room"));
        Invite(targets, room);
    }

    /// <summary>Many addresses for each victim's identity, none of which leads to it: told by a room that the victims are members of, and announced,
    /// without a signature, in their LANs from forged senders.</summary>
    public static void Spray(Targets targets, int addresses)
    {
        World world = targets.World;
        var room = new Room(world, "spraying-room", isHostile: true);
        foreach (SimHost victim in targets.Hosts)
        {
            for (int i = 0; i < addresses; i++)
                room.Listed.Add(Hostile(world, Names.Net($"192.0.2.{i % 250}", victim.Key, 9_000 + i)));
        }

        Invite(targets, room);
        foreach (Lan lan in targets.Lans)
        {
            var told = new List<Told>();
            foreach (SimHost victim in lan.Hosts)
            {
                for (int i = 0; i < addresses; i++)
                {
                    string sender = Forged(lan, i % 200);
                    told.Add(new Told(Hostile(world, Names.Net(sender, victim.Key, 9_000 + i)), s_unsigned, $"{Lan.Group}/{sender}"));
                }
            }

            Repeat(world, lan, told);
        }
    }

    /// <summary>A machine in each LAN calls every host there as many identities, stays, and calls again when it is thrown out.</summary>
    public static void Call(Targets targets, int identities)
    {
        foreach (Lan lan in targets.Lans)
        {
            var farm = new Farm(targets.World, $"calls in LAN {lan.Number}");
            for (int i = 0; i < identities; i++)
            {
                string key = farm.NewIdentity(i);
                foreach (SimHost host in lan.Hosts)
                    farm.KeepCalling(key, Names.Net(Forged(lan, 0), key, 20_000 + i), host, TimeSpan.FromSeconds(5 + targets.World.Random.NextDouble()));
            }
        }
    }

    private static void List(Targets targets, Room room, Farm farm)
    {
        for (int i = 0; i < targets.Identities; i++)
        {
            string key = farm.NewIdentity(i);
            room.Listed.Add(farm.Open(Names.Tunnel(room.Key, key), key, room: room));
        }
    }

    private static void Invite(Targets targets, Room room)
    {
        if (room.IsHostile)
            room.Begin(); // the honest ones have begun
        targets.World.HostileSources.Add(room.Source);
        foreach (SimHost host in targets.Hosts)
            host.Know(room);
    }

    private static string Forged(Lan lan, int number)
    {
        string sender = lan.HostAddress(FirstForgedHost + number);
        lan.World.HostileSources.Add($"{Lan.Group}/{sender}");
        return sender;
    }

    private static MultiserverAddress Hostile(World world, MultiserverAddress address)
    {
        world.HostileAddresses.Add(address);
        return address;
    }

    // A quarter each 2 s, so that nobody expires.
    private static void Repeat(World world, Lan lan, List<Told> told)
    {
        int next = 0;
        world.Every(Lan.AnnounceEvery, TimeSpan.Zero, () =>
        {
            for (int i = 0; i < (told.Count + 3) / 4; i++)
            {
                Told one = told[next++ % told.Count];
                lan.Announce(one.Address, one.Data, one.Source, isHonest: false);
            }
        });
    }

    private sealed record Told(MultiserverAddress Address, PeerData Data, string Source);
}
