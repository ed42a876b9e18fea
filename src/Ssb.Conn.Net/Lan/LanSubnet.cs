using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>A subnet that this machine is in at the moment, and its own addresses there. Cards that share a subnet are one.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class LanSubnet
{
    internal LanSubnet(IPNetwork network, IReadOnlyList<NetworkCard> cards)
    {
        (Network, Cards) = (network, cards);
        IPAddress[] all = [.. cards.SelectMany(card => card.Addresses).Select(own => own.Address).Distinct()];
        Addresses = [
            .. all.Where(own => LanInterface.IsIPv4(own) && network.Contains(own)),
            .. all.Where(own => own.AddressFamily == AddressFamily.InterNetworkV6 && !own.IsIPv6LinkLocal)
                .OrderBy(own => own.IsIPv6UniqueLocal ? 0 : 1)];
    }

    /// <summary>The IPv4 subnet. Of a card that has no IPv4 address, which nothing is announced on, an IPv6 one.</summary>
    public IPNetwork Network { get; }

    /// <summary>The name of the card; of the first, if several share the subnet.</summary>
    public string Interface => Cards[0].Name;

    /// <summary>Our own addresses there, IPv4 first, then the IPv6 addresses of the same cards, unique-local before others. Those that
    /// are link-local are left
    /// out: they mean nothing without a zone, which differs from machine to machine.</summary>
    public IReadOnlyList<IPAddress> Addresses { get; }

    internal IReadOnlyList<NetworkCard> Cards { get; }

    /// <summary>The subnet, as 192.168.1.0/24.</summary>
    public override string ToString() => Network.ToString();

    /// <summary>Does a route lead into it, by either family?</summary>
    internal bool Has(IPAddress host) => Network.Contains(host) || Cards.SelectMany(card => card.Addresses)
        .Any(own => own.Subnet.PrefixLength > 0 && !LanInterface.IsIPv4(own.Address) && own.Subnet.Contains(host));

    /// <summary>The subnets of these cards.</summary>
    internal static IReadOnlyList<(LanSubnet Subnet, IReadOnlyList<LanInterface> By)> Of(IReadOnlyList<LanInterface> cards) =>
        [.. cards
            .Where(own => !IsMakeshift(own))
            .GroupBy(own => own.Own.Subnet)
            .Select(shared => (
                new LanSubnet(shared.Key, [.. shared.Select(own => own.Card).Distinct()]),
                (IReadOnlyList<LanInterface>)[.. shared]))];

    /// <summary>All that this machine is in but loopback, those where nothing can be broadcast included.</summary>
    internal static IReadOnlyList<LanSubnet> All(HostNetwork network) =>
        [.. Of(LanInterfaces.Of(network, new LanOptions())).Select(found => found.Subnet),
            .. network.Cards.Where(card => card.IsUp && !card.IsLoopback && !card.Addresses.Any(own => LanInterface.IsIPv4(own.Address)))
                .Select(card => (Card: card, First: card.Addresses.FirstOrDefault(own => !own.Address.IsIPv6LinkLocal)))
                .Where(found => found.First is not null)
                .Select(found => new LanSubnet(found.First!.Subnet, [found.Card]))]; // not null: just asked

    // 169.254.0.0/16, which a card gives itself, beside an address that it was given.
    private static bool IsMakeshift(LanInterface own) => IsMakeshift(own.Address)
        && own.Card.Addresses.Any(other => LanInterface.IsIPv4(other.Address) && !IsMakeshift(other.Address));

    private static bool IsMakeshift(IPAddress address) => LanInterface.ToUInt32(address) >> 16 == 0xA9FE;
}
