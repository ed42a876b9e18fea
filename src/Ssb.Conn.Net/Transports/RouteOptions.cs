using System.Net;

namespace Ssb.Conn.Net;

/// <summary>How <see cref="Transport.OpenAsync(MultiserverRoute, RouteOptions, CancellationToken)"/> opens a route.</summary>
public sealed record RouteOptions
{
    /// <summary>How long the addresses of a name may take together. Each gets a share of it, so that one that does not answer leaves time for those
    /// behind it; the last ends with the call.</summary>
    /// <value>Defaults to null: 10 seconds for each but the last.</value>
    public TimeSpan? Timeout { get; init; }

    /// <summary>How long the machine at the other end may answer nothing before the connection ends; see
    /// <see cref="PeerNetworkLimits.SilenceDeadline"/>.</summary>
    /// <value>Defaults to infinite: as long as the system likes.</value>
    public TimeSpan SilenceDeadline { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>Finds the addresses of a name.</summary>
    /// <value>Defaults to <see cref="Dns.GetHostAddressesAsync(string, CancellationToken)"/>.</value>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    /// <summary>What times are measured with.</summary>
    /// <value>Defaults to <see cref="TimeProvider.System"/>.</value>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal RouteOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(Resolve);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        return this;
    }
}
