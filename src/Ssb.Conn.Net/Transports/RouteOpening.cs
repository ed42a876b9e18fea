using System.Net;
using System.Net.Security;

namespace Ssb.Conn.Net;

/// <summary>How the stream of a route is opened, whatever the route.</summary>
internal sealed record RouteOpening
{
    /// <summary>What <c>onion</c> routes go through.</summary>
    public EndPoint SocksProxy { get; init; } = Transport.Tor;

    /// <summary>What decides about certificates of <c>wss</c> routes; null: the system does, as for any HTTPS client, and for JavaScript
    /// peers.</summary>
    public RemoteCertificateValidationCallback? Certificates { get; init; }

    /// <summary>What the peer may send below a WebSocket.</summary>
    public required UsefulBytes Useful { get; init; }

    /// <summary>How long it may take, which the addresses of a name share.</summary>
    public required DialTime Time { get; init; }

    /// <summary>How long an attempt at one of several addresses may take at most.</summary>
    public TimeSpan LongestShare { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the other machine may answer nothing; see <see cref="PeerNetworkLimits.SilenceDeadline"/>.</summary>
    public SilenceLimits Silence { get; init; } = SilenceLimits.None;

    /// <summary>Finds the addresses of a name.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;
}
