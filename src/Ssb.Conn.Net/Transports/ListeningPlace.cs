using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Where a TCP socket listens, <c>net</c> or <c>ws</c>, and by which addresses it can be called there.</summary>
internal sealed record ListeningPlace(string Transport, IPEndPoint Bound)
{
    /// <summary>Routes of IPv6 in one address: a unique-local one, and a global one or two. Announcements are short.</summary>
    private const int MostIPv6 = 3;

    private const int IPv6Prefix = 64;

    private bool IsAny => Bound.Address.Equals(IPAddress.Any) || Bound.Address.Equals(IPAddress.IPv6Any);

    /// <summary>Where <paramref name="own"/> can be called. What is bound to all interfaces has one address for each of the subnets,
    /// loopback if there is none.</summary>
    public IReadOnlyList<MultiserverAddress> AddressesOf(FeedId own, IReadOnlyList<LanSubnet> subnets)
    {
        if (!IsAny)
            return [AddressOf([Bound.Address], own)];
        MultiserverAddress[] all = [.. subnets
            .Select(HostsOf)
            .Where(hosts => hosts.Count > 0)
            .Select(hosts => AddressOf(hosts, own))
            .Distinct()];
        return all.Length > 0 ? all : [AddressOf([IPAddress.Loopback], own)];
    }

    /// <summary>The one address by which <paramref name="own"/> can be called from a subnet by plain TCP, to be announced there; null if
    /// that cannot be done. Of several
    /// places, each family has the first that can be called by it.</summary>
    public static MultiserverAddress? AddressIn(LanSubnet subnet, IEnumerable<ListeningPlace> places, FeedId own)
    {
        (ListeningPlace Place, IPAddress Host)[] all = [.. places
            .Where(place => place.Transport == "net")
            .SelectMany(place => place.HostsOf(subnet).Select(host => (place, host)))];
        MultiserverRoute[] routes = [.. Routes(AddressFamily.InterNetwork), .. Routes(AddressFamily.InterNetworkV6)];
        return routes.Length == 0 ? null : MultiserverAddress.Format(routes);

        IEnumerable<MultiserverRoute> Routes(AddressFamily family)
        {
            (ListeningPlace Place, IPAddress Host)[] those = [.. all.Where(found => found.Host.AddressFamily == family)];
            return those
                .Where(found => found.Place == those[0].Place)
                .Select(found => found.Place.RouteTo(found.Host, found.Place.Bound.Port, own));
        }
    }

    /// <summary>Where a call came from.</summary>
    public MultiserverAddress AddressOf(IPEndPoint from, FeedId remote) =>
        MultiserverAddress.Format(RouteTo(from.Address, from.Port, remote));

    /// <summary>The part of a route that says who is expected.</summary>
    public static MultiserverProtocol Shs(FeedId key) => new("shs", [key.ToBase64()]);

    /// <summary>Those of our addresses in a subnet that it can be called by: IPv4 first, the only one that JavaScript dials, and of IPv6
    /// one for each prefix.</summary>
    private IReadOnlyList<IPAddress> HostsOf(LanSubnet subnet)
    {
        IPAddress bound = HostNetwork.Plain(Bound.Address);
        if (!IsAny)
            return subnet.Addresses.Contains(bound) || (IPAddress.IsLoopback(bound) && subnet.Has(bound)) ? [bound] : [];
        IEnumerable<IPAddress> six = bound.Equals(IPAddress.Any) ? [] : subnet.Addresses.Where(own => !LanInterface.IsIPv4(own));
        return [
            .. subnet.Addresses.Where(LanInterface.IsIPv4).Take(1),
            .. six.DistinctBy(own => CardAddress.Of(own, IPv6Prefix).Subnet).Take(MostIPv6)];
    }

    private MultiserverAddress AddressOf(IReadOnlyList<IPAddress> hosts, FeedId own) =>
        MultiserverAddress.Format(hosts.Select(host => RouteTo(host, Bound.Port, own)));

    private MultiserverRoute RouteTo(IPAddress address, int port, FeedId key) =>
        new(MultiserverProtocol.FromHost(Transport, HostNetwork.Plain(address).ToString(), port), Shs(key));
}
