using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>An address of a network card, with the subnet that it is in.</summary>
internal sealed record CardAddress(IPAddress Address, IPNetwork Subnet)
{
    /// <summary>From an address and the length of its prefix. A zone is left out: it means something on this machine only.</summary>
    public static CardAddress Of(IPAddress address, int prefixLength)
    {
        byte[] bytes = address.GetAddressBytes();
        byte[] start = [.. bytes];
        int length = Math.Clamp(prefixLength, 0, bytes.Length * 8);
        for (int i = 0; i < start.Length; i++)
            start[i] &= (byte)(0xFF << Math.Clamp((i + 1) * 8 - length, 0, 8));
        return new CardAddress(new IPAddress(bytes), new IPNetwork(new IPAddress(start), length));
    }
}

/// <summary>A network card with its addresses, in the order in which the system has them.</summary>
internal sealed record NetworkCard(string Name, int Index, bool IsUp, bool IsLoopback, IReadOnlyList<CardAddress> Addresses);

/// <summary>The network cards of this machine at one moment. Immutable.</summary>
internal sealed class HostNetwork
{
    private readonly HashSet<IPAddress> _own;

    public HostNetwork(params IEnumerable<NetworkCard> cards)
    {
        // A card that appears later has a higher number, so that those before it stay first.
        Cards = [.. cards.OrderBy(card => card.Index)];
        _own = [.. Cards.SelectMany(card => card.Addresses).Select(own => own.Address)];
    }

    /// <summary>All of them, those that are down and loopback included.</summary>
    public IReadOnlyList<NetworkCard> Cards { get; }

    /// <summary>Does this lead to this machine: an address of one of its cards, the loopback range, or the unspecified address, which
    /// the system takes for loopback?</summary>
    public bool IsOwn(IPAddress address)
    {
        address = Plain(address);
        return IPAddress.IsLoopback(address) || address.Equals(IPAddress.IPv6Any)
            || (LanInterface.IsIPv4(address) && LanInterface.ToUInt32(address) >> 24 == 0)
            || _own.Contains(address);
    }

    /// <summary>Are subnets and addresses the same, as far as routes are judged by them? Link-local IPv6 addresses are not counted: no
    /// route leads to one,
    /// and they come and go with each container.</summary>
    public bool IsLike(HostNetwork other) => Judged().SequenceEqual(other.Judged());

    /// <summary>The address without a zone; IPv4 where it was mapped into IPv6.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
        : address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0 ? new IPAddress(address.GetAddressBytes())
        : address;

    /// <summary>Reads which cards there are now.</summary>
    /// <exception cref="NetworkInformationException">The system does not tell.</exception>
    public static HostNetwork Read()
    {
        var found = new List<NetworkCard>();
        foreach (NetworkInterface card in NetworkInterface.GetAllNetworkInterfaces())
        {
            try
            {
                // Linux says "Unknown" of some kinds that work, tun for one.
                bool isUp = card.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown;
                IPInterfaceProperties properties = card.GetIPProperties();
                int index = card.Supports(NetworkInterfaceComponent.IPv4) ? properties.GetIPv4Properties()?.Index ?? 0
                    : card.Supports(NetworkInterfaceComponent.IPv6) ? properties.GetIPv6Properties()?.Index ?? 0 : 0;
                CardAddress[] addresses = [.. properties.UnicastAddresses
                    .Where(unicast => unicast.Address.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6)
                    .Select(unicast => CardAddress.Of(unicast.Address, unicast.PrefixLength))];
                found.Add(new NetworkCard(card.Name, index, isUp, card.NetworkInterfaceType == NetworkInterfaceType.Loopback, addresses));
            }
            catch (NetworkInformationException)
            {
                // It went away while we looked; the next reading sees the rest.
            }
        }

        return new HostNetwork(found);
    }

    /// <summary>May <see cref="Read"/> throw this? What the system throws differs from one to the other, and where it has no descriptors or
    /// no memory left it can be anything: the next reading may succeed.</summary>
    public static bool IsUnreadable(Exception e) => e is not OperationCanceledException;

    private IEnumerable<(string, int, bool, CardAddress)> Judged() =>
        Cards.SelectMany(card => card.Addresses
            .Where(own => !own.Address.IsIPv6LinkLocal)
            .Select(own => (card.Name, card.Index, card.IsUp, own)));
}
