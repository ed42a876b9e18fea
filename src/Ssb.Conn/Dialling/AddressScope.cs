using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn;

/// <summary>From how far away an IP address can be reached. The values are in order: the most local comes first.</summary>
/// <remarks>It is used to compare an address with the one at which its source was reached: a peer on the internet has no reason to tell us
/// of an address inside our home network.</remarks>
public enum AddressScope
{
    /// <summary>This machine alone: <c>127.0.0.0/8</c>, <c>::1</c>, and what a dial sends to this machine as well, <c>0.0.0.0/8</c> and
    /// <c>::</c>.</summary>
    Loopback,

    /// <summary>One link: <c>169.254.0.0/16</c>, <c>fe80::/10</c>, and multicast and broadcast addresses.</summary>
    LinkLocal,

    /// <summary>One site: <c>10.0.0.0/8</c>, <c>172.16.0.0/12</c>, <c>192.168.0.0/16</c>, the shared addresses of carriers and overlays
    /// (<c>100.64.0.0/10</c>), <c>192.0.0.0/24</c>, <c>198.18.0.0/15</c>, <c>240.0.0.0/4</c>, <c>fc00::/7</c>, and
    /// <c>fec0::/10</c>.</summary>
    Private,

    /// <summary>Every other address.</summary>
    Public,
}

/// <summary>The one place that decides how local an address is.</summary>
public static class AddressScopes
{
    /// <summary>The scope of an address. IPv6 addresses that stand for an IPv4 address (mapped, compatible, translated, NAT64, 6to4) have
    /// the scope of that address, because that is where a packet to them ends.</summary>
    public static AddressScope Of(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out int length); // 4 or 16
        return address.AddressFamily == AddressFamily.InterNetwork ? OfIPv4(bytes[..length]) : OfIPv6(bytes);
    }

    /// <summary>The scope of a host as it is written in an address; null for a name, whose scope only its addresses tell. The names that
    /// every resolver must answer with this machine (RFC 6761, section 6.3) are loopback.</summary>
    public static AddressScope? Of(string host)
    {
        ArgumentNullException.ThrowIfNull(host);
        string name = host.TrimEnd('.');
        if (name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase))
            return AddressScope.Loopback;
        return IPAddress.TryParse(host, out IPAddress? address) ? Of(address) : null;
    }

    private static AddressScope OfIPv4(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0 or 127, ..] => AddressScope.Loopback,
        [169, 254, ..] or [>= 224 and <= 239, ..] or [255, 255, 255, 255] => AddressScope.LinkLocal,
        [10, ..] or [172, >= 16 and <= 31, ..] or [192, 168, ..] or [100, >= 64 and <= 127, ..] or [192, 0, 0, _] or [198, 18 or 19, ..] or [>= 240, ..] => AddressScope.Private,
        _ => AddressScope.Public,
    };

    private static AddressScope OfIPv6(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 or 1] => AddressScope.Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ..] // mapped
            or [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, ..] // translated, RFC 7915
            or [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ..] // compatible
            or [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..] => OfIPv4(bytes[12..]), // NAT64, RFC 6052
        // The NAT64 of a site, RFC 8215: where in it the IPv4 address stands is the site's choice.
        [0, 0x64, 0xff, 0x9b, 0, 1, ..] => (AddressScope)Math.Min((int)AddressScope.Private, (int)OfIPv4(bytes[12..])),
        [0x20, 0x02, ..] => OfIPv4(bytes[2..6]), // 6to4, RFC 3056
        [0xfe, >= 0x80 and <= 0xbf, ..] or [0xff, ..] => AddressScope.LinkLocal,
        [0xfe, >= 0xc0, ..] or [0xfc or 0xfd, ..] => AddressScope.Private,
        _ => AddressScope.Public,
    };
}
