using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Ssb.Conn.Net;

/// <summary>Which routes of an announcement may be dialled: whoever sends one must not choose what else this machine connects to.</summary>
internal static class LanRoutes
{
    /// <summary>Why an announcement is refused that has no other routes.</summary>
    public const string Problem = "none of its routes leads to its sender, or into the subnet on which it was heard (or they lead to this computer itself)";

    /// <summary>The address with those of its routes alone that satisfy the condition; null if there is none. The text of a route stays
    /// as it is.</summary>
    public static MultiserverAddress? Keep(MultiserverAddress address, Func<MultiserverRoute, bool> isKept)
    {
        IReadOnlyList<MultiserverRoute> routes = address.Routes;
        MultiserverRoute[] kept = [.. routes.Where(isKept)];
        return kept.Length == routes.Count ? address : kept.Length == 0 ? null : MultiserverAddress.Format(kept);
    }

    /// <summary>Never dialled for a stranger: a socket of our file system, and a route that does not say whom to expect.</summary>
    public static bool IsForStrangers(MultiserverRoute route) => route.FeedId is not null && route.Transport != "unix";

    /// <summary>May be dialled for whoever announced it on a LAN: <c>net</c>, with the key that is announced and no secret, to the
    /// sender or into a subnet of
    /// the card, and never to ourselves; over loopback, and from there alone, to loopback.</summary>
    /// <param name="route">The route.</param>
    /// <param name="key">Who is announced.</param>
    /// <param name="sender">Who sent it, not mapped into IPv6.</param>
    /// <param name="card">Where it was heard.</param>
    /// <param name="network">What else this machine has.</param>
    public static bool IsOnTheLan(MultiserverRoute route, FeedId key, IPAddress sender, NetworkCard card, HostNetwork network)
    {
        if (route is not { Transport: "net", Problem: null, Protocols: [_, { Name: "shs", Data.Count: 1 }] } || route.FeedId != key
            || !TryGetHost(route, out IPAddress? host))
            return false;
        if (IPAddress.IsLoopback(host))
            return card.IsLoopback && IPAddress.IsLoopback(sender);
        if (network.IsOwn(host) || card.Addresses.Any(own => own.Address.Equals(host)))
            return false;
        return host.Equals(sender) || card.Addresses.Any(own => Has(own.Subnet, host));
    }

    /// <summary>Does one of the routes lead to this host?</summary>
    public static bool LeadTo(MultiserverAddress address, IPAddress host) =>
        address.Routes.Any(route => TryGetHost(route, out IPAddress? there) && host.Equals(there));

    /// <summary>The IP address that a route names, in one spelling. One that is bound to a card of its writer's names none here.</summary>
    public static bool TryGetHost(MultiserverRoute route, [NotNullWhen(true)] out IPAddress? host)
    {
        host = null;
        if (route.HostKind is not (MultiserverHostKind.IPv4 or MultiserverHostKind.IPv6)
            || !IPAddress.TryParse(route.Host, out IPAddress? read)
            || route.Host.Contains('%', StringComparison.Ordinal))
            return false;
        host = HostNetwork.Plain(read);
        return true;
    }

    // Hosts only: neither the subnet's own address nor its broadcast address, no groups, and nothing link-local of IPv6, which cannot be
    // dialled without a zone.
    private static bool Has(IPNetwork subnet, IPAddress host)
    {
        if (subnet.PrefixLength == 0 || host.IsIPv6LinkLocal || host.IsIPv6Multicast || !subnet.Contains(host))
            return false;
        if (!LanInterface.IsIPv4(host) || subnet.PrefixLength >= 31)
            return true;
        uint number = LanInterface.ToUInt32(host), rest = uint.MaxValue >> subnet.PrefixLength;
        return (number & rest) != 0 && (number & rest) != rest;
    }
}
