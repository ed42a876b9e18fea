using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn;

/// <summary>The one definition of a source, for limits on callers, quotas of the bench, the choice of whom to disconnect, and turns: an
/// IPv4 address, the
/// first 64 bits of an IPv6 address, or a room.</summary>
/// <remarks>An IPv6 customer has at least 64 bits of addresses, so a whole address names nobody. The transport, the port, the spelling and
/// the zone of an address say
/// nothing of who is there either: they never make two sources of one.</remarks>
public static class PeerSource
{
    private const string Friend = "friend:";
    private const int SourceBytes = 8; // of an IPv6 address
    private const int GroupBytes = 6; // what providers hand out at the most: a /48, of which a /56 is a part

    /// <summary>The source of a connection from or to an IP address.</summary>
    public static string Of(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Of(address, SourceBytes);
    }

    /// <summary>The source of a caller: <c>unix</c> for a socket of the file system.</summary>
    public static string Of(EndPoint? from) => from is IPEndPoint { Address: var address } ? Of(address) : "unix";

    /// <summary>The sources that answer for each other: those of one IPv6 /48. An IPv4 address is a group of its own.</summary>
    internal static string GroupOf(IPAddress address) => Of(address, GroupBytes);

    /// <summary>Where an address leads, or a call came from, by its first route: its source, and the group of that.</summary>
    internal static (string Group, string Source) Of(MultiserverAddress address)
    {
        MultiserverRoute route = address.Routes[0];
        if (route.TunnelPortal is { } room)
            return (OfRoom(room), OfRoom(room));
        if (route.Host is { } host && Parse(host) is { } ip)
            return (GroupOf(ip), Of(ip));
        string place = (route.Host ?? route.Path ?? string.Join(':', route.Protocols[0].Data)).TrimEnd('.').ToLowerInvariant();
        return (place, place);
    }

    /// <summary>The source of who is met in a room, or comes through it.</summary>
    /// <param name="room">The room's feed id.</param>
    public static string OfRoom(FeedId room) => $"room:{room}";

    /// <summary>The source of what a peer stages over muxrpc that is no owner.</summary>
    /// <param name="peer">The peer's feed id.</param>
    public static string OfPeer(FeedId peer) => $"peer:{peer}";

    /// <summary>A source as the bench has it for what it tells of friends, who do not answer to its quota.</summary>
    internal static string OfFriend(string source) => source.StartsWith(Friend, StringComparison.Ordinal) ? source : Friend + source;

    /// <summary>Who told, of a source as the bench has it.</summary>
    [return: NotNullIfNotNull(nameof(source))]
    public static string? ToldBy(string? source) =>
        source?.StartsWith(Friend, StringComparison.Ordinal) == true ? source[Friend.Length..] : source;

    /// <summary>A source as hosts name it, in its one spelling: an IP address at its end is cut as that of a caller is, so that
    /// <c>lan:eth0/fe80::1%2</c> and
    /// <c>lan:eth0/fe80::2</c> are <c>lan:eth0/fe80::/64</c>.</summary>
    internal static string Normalize(string source)
    {
        int end = SourceName.EndOfGroup(source) + 1;
        return end > 0 && Parse(source[end..]) is { } address ? source[..end] + Of(address) : source;
    }

    /// <summary>The group of a source, see <see cref="SourceName"/>. What a source tells of friends is of its own group; what a person
    /// staged and what the address book has is one group.</summary>
    internal static string GroupOf(string? source) => SourceName.GroupOf(ToldBy(source ?? SourceName.Book));

    /// <summary>The feed id of the peer that a source is, or speaks for: the room of <c>room:@...</c>, the author of
    /// <c>pub/@...</c>.</summary>
    /// <returns>null for a person, the address book, and a sender on the LAN.</returns>
    internal static FeedId? TellerOf(string? source) => source is null
        || source.IndexOf('@', StringComparison.Ordinal) is not (>= 0 and var at) ? null
        : FeedId.ReadLenient(source.AsSpan(at));

    /// <summary>Is a source a person, the owner, or the address book?</summary>
    internal static bool IsOwn(string? source) => source is null or SourceName.Book;

    private static string Of(IPAddress address, int bytes)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address.ToString();
        byte[] prefix = address.GetAddressBytes();
        prefix.AsSpan(bytes).Clear();
        return $"{new IPAddress(prefix)}/{bytes * 8}";
    }

    private static IPAddress? Parse(string host)
    {
        int zone = host.IndexOf('%', StringComparison.Ordinal);
        return IPAddress.TryParse(zone < 0 ? host : host[..zone], out IPAddress? address) ? address : null;
    }
}
