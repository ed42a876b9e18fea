namespace Ssb.Conn.Simulator;

/// <summary>What happens to the honest hosts of a simulation.</summary>
/// <param name="Name">In few words.</param>
/// <param name="Begin">Begins the attack.</param>
/// <param name="HasMassDeath">Half of the hosts and a third of the servers go for good, at once.</param>
internal sealed record Scenario(string Name, Action<Targets> Begin, bool HasMassDeath = false)
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("calm", static _ => { }),
        new("LAN flood, one sender", static t => Attack.FloodLans(t, senders: 1)),
        new("LAN flood, 200 forged senders", static t => Attack.FloodLans(t, senders: 200)),
        new("peers that call themselves rooms", static t => Attack.PretendRooms(t, identities: 24)),
        new("hostile room", Attack.RunRoom),
        new("hostile identities in an honest room", Attack.EnterRoom),
        new("address spraying", static t => Attack.Spray(t, addresses: 40)),
        new("callers", static t => Attack.Call(t, identities: 40)),
        new("half die", static _ => { }, HasMassDeath: true),
        new("half die under floods", static t =>
        {
            Attack.FloodLans(t, senders: 1);
            Attack.RunRoom(t);
            Attack.Call(t, identities: 40);
        }, HasMassDeath: true),
    ];
}
