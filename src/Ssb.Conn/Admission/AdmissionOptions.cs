using System.Collections.Frozen;

namespace Ssb.Conn;

/// <summary>Who comes onto the bench, besides the bounds of the bench itself.</summary>
/// <remarks>A source is named <c>KIND:NAME</c>, or <c>KIND:GROUP/NAME</c> where several answer for each other, such as
/// <c>lan:eth0/192.168.1.4</c>, <c>room:@...=.ed25519</c> and <c>pub/@...=.ed25519</c>, the author of a pub message. Of an IPv6 address at
/// the end of a
/// name the first 64 bits count, since every IPv6 host has that many addresses: <c>lan:eth0/fe80::/64</c>.</remarks>
public sealed record AdmissionOptions
{
    /// <summary>The quotas that hold unless others are set: 50 for a sender on the LAN (<c>lan</c>), 500 for a room (<c>room</c>), 20 for an author of pub
    /// messages (<c>pub</c>), 20 for a peer that may call <c>conn.stage</c> and is no owner (<c>peer</c>).</summary>
    public static IReadOnlyDictionary<string, int> DefaultSourceQuotas { get; } = new Dictionary<string, int>
    {
        ["lan"] = 50,
        ["room"] = 500,
        ["pub"] = 20,
        ["peer"] = 20,
    }.ToFrozenDictionary();

    /// <summary>How many peers one source of a kind may have on the bench. A kind that is not named has
    /// <see cref="StagingOptions.SourceCapacity"/>.</summary>
    public IReadOnlyDictionary<string, int> SourceQuotas { get; init; } = DefaultSourceQuotas;

    /// <summary>How many routes to one identity may be on the bench; 16 unless set.</summary>
    public int RoutesPerKey { get; init; } = 16;

    /// <summary>How many of them one group of sources may tell of, so that nobody fills another's; 4 unless set.</summary>
    public int RoutesPerKeyAndGroup { get; init; } = 4;

    /// <summary>Peers so near in the social graph are friends, and answer to no source's quota; 1 unless set: whom we follow.</summary>
    public int FriendHops { get; init; } = 1;

    /// <summary>May a peer (a room, the author of a pub message, and every other source with a feed id in its name) tell of addresses that
    /// are more local than the one at
    /// which we reached it? If not, such routes are dropped, and an address that has no others is refused with
    /// <see cref="RefusalReason.TooLocal"/>; names are asked again when they
    /// are dialled. A peer reached through a tunnel or by a name, or not at all, may tell of public addresses. Tunnels have no locality. A
    /// person's addresses, and those of
    /// the address book, are free. Ours: ssb-conn dials whatever it is told.</summary>
    /// <value>Defaults to false.</value>
    public bool MayTellOfMoreLocal { get; init; }

    /// <summary>Are addresses let in that can never be dialled here (<see cref="IPeerNetwork.ProblemOf"/>): without a feed id, with a
    /// transport that is not known, with port 99999, with a key that nobody can hold? If not, <see cref="ConnPlugin.TryStage"/> refuses
    /// them with <see cref="RefusalReason.Undiallable"/>, <see cref="ConnPlugin.Remember"/> and
    /// <see cref="ConnPlugin.ConnectAsync(MultiserverAddress, PeerData?, CancellationToken)"/> throw, and those that the address book has
    /// already are kept and not dialled. If so, they are kept and dialled in vain, as ssb-conn does.</summary>
    /// <value>Defaults to false.</value>
    public bool AllowUndiallable { get; init; }

    /// <summary>Is a peer let in that is dismissed, or snoozed, and calls? If not, it is refused in the handshake until that ends or is undone, which
    /// <see cref="AdmissionCounters.RefusedCallers"/> counts. Ours: ssb-conn knows no dismissals.</summary>
    /// <value>Defaults to false.</value>
    public bool DismissedMayCall { get; init; }

    /// <summary>ssb-conn's policy, for comparison: no quotas but the bounds of the bench.</summary>
    public static AdmissionOptions Unlimited { get; } = new()
    {
        SourceQuotas = FrozenDictionary<string, int>.Empty,
        RoutesPerKey = int.MaxValue,
        RoutesPerKeyAndGroup = int.MaxValue,
        FriendHops = -1,
        MayTellOfMoreLocal = true,
        AllowUndiallable = true,
        DismissedMayCall = true,
    };

    internal AdmissionOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(SourceQuotas);
        ArgumentOutOfRangeException.ThrowIfLessThan(RoutesPerKey, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(RoutesPerKeyAndGroup, 1);
        foreach ((string kind, int quota) in SourceQuotas)
        {
            if (quota < 1)
                throw new ArgumentOutOfRangeException(nameof(SourceQuotas), quota, $"The quota of '{kind}' must be 1 or more.");
        }

        return this with { SourceQuotas = SourceQuotas.ToFrozenDictionary() };
    }
}
