using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Ssb.Wire;

/// <summary>What a descriptor is to be used for, in the order in which they are given up as they run short.</summary>
public enum DescriptorUse
{
    /// <summary>A caller who may be anybody, and a file that a peer makes us open.</summary>
    Caller,

    /// <summary>A connection that we make.</summary>
    Dial,

    /// <summary>A program of our own user, by a unix socket.</summary>
    Owner,
}

/// <summary>Keeps some of this process's file descriptors for its own files and the runtime, which ends the process where it gets
/// none.</summary>
/// <param name="reserve">How many are kept; null: an eighth of all, at least 16 and at most 256.</param>
/// <remarks>
/// <para>Thread-safe. Unix gives a new file or socket the lowest number that is free. So the number of a new one says how many are in use,
/// whatever they are used for, and nothing need be counted. The limit is read each time, since it can be changed from outside.</para>
/// <para>The .NET runtime raises the limit to the highest that this process may have (the hard limit) as it starts, so this does not.
/// Windows has no limit worth mentioning.</para>
/// </remarks>
public sealed partial class Descriptors(int? reserve = null)
{
    private const int Share = 8, Least = 16, Most = 256;

    /// <summary>With the usual reserve.</summary>
    public static Descriptors Usual { get; } = new();

    /// <summary>How many this process may have at the moment.</summary>
    public static int Limit => OperatingSystem.IsWindows() ? int.MaxValue : UnixLimit();

    /// <summary>May this new one stay open?</summary>
    public bool MayKeep(SafeHandle opened, DescriptorUse use)
    {
        ArgumentNullException.ThrowIfNull(opened);
        return OperatingSystem.IsWindows() || opened.DangerousGetHandle() < TopFor(use);
    }

    /// <summary>May one be opened?</summary>
    public bool MayOpen(DescriptorUse use) => LeftFor(use) > 0;

    /// <summary>How many more there are for a use.</summary>
    public int LeftFor(DescriptorUse use)
    {
        if (OperatingSystem.IsWindows())
            return int.MaxValue;
        try
        {
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            return (int)Math.Max(0, TopFor(use) - probe.SafeHandle.DangerousGetHandle()); // no more than the limit
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.TooManyOpenSockets ? 0 : int.MaxValue; // for another reason: whoever opens one is told
        }
    }

    // Strangers must not take what our own user's programs need.
    private long TopFor(DescriptorUse use)
    {
        int limit = Limit;
        long kept = reserve ?? Math.Clamp(limit / Share, Least, Most);
        return limit - kept - (use switch { DescriptorUse.Caller => kept / 2, DescriptorUse.Dial => kept / 4, _ => 0 });
    }
}
