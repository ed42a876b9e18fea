// RFC 6454, section 7, and RFC 6455, section 10.2: every browser says in Origin which web page opens a WebSocket, and pages cannot change
// that.
using System.Net;

namespace Ssb.Conn.Net;

/// <summary>Which web pages may call from this machine.</summary>
internal static class Origins
{
    /// <summary>Any origin, in <see cref="PeerNetworkLimits.LocalOrigins"/>.</summary>
    public const string Any = "*";

    /// <summary>The origin of pages that have none, as browsers spell it.</summary>
    public const string None = "null";

    /// <summary>Is that something that a browser may say in Origin, or <see cref="Any"/>? Else it would never be equal to what one
    /// says.</summary>
    public static bool IsOne(string? text) => text is Any or None
        || (text is not null && text.Contains("://", StringComparison.Ordinal) && Uri.TryCreate(text, UriKind.Absolute, out Uri? uri)
            && uri is { UserInfo.Length: 0, Query.Length: 0, Fragment.Length: 0, AbsolutePath: "" or "/" } && !uri.Host.Contains('*', StringComparison.Ordinal));

    /// <summary>Does a call come from this machine, so that whoever called could be reached by every page that its browser shows? It then
    /// comes from a loopback address, or from the very address that it calls.</summary>
    public static bool IsFromThisMachine(IPEndPoint from, IPEndPoint called) =>
        AddressScopes.Of(from.Address) == AddressScope.Loopback || Plain(from.Address).Equals(Plain(called.Address));

    /// <summary>May a page of that origin call from this machine?</summary>
    /// <param name="origin">What the browser says.</param>
    /// <param name="called">Where it called.</param>
    /// <param name="allowed">The origins that may, besides the listener's own.</param>
    public static bool MayCall(string origin, IPEndPoint called, IReadOnlyList<string> allowed) =>
        IsOwn(origin, called) || allowed.Any(a => a == Any || string.Equals(a.TrimEnd('/'), origin, StringComparison.OrdinalIgnoreCase));

    // By our own name, not by the Host that the caller gives: a name of a stranger's that leads to this machine (DNS rebinding) is in both.
    private static bool IsOwn(string origin, IPEndPoint called)
    {
        if (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https") || uri.UserInfo.Length > 0 || uri.Port != called.Port)
            return false;
        IPAddress own = Plain(called.Address);
        return IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? host) ? Plain(host).Equals(own) : uri.Host == "localhost" && IPAddress.IsLoopback(own);
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
