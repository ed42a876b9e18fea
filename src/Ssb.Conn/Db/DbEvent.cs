using System.Text.Json;

namespace Ssb.Conn;

/// <summary>A peer of the address book, as it was at one moment.</summary>
/// <param name="Address">Where it can be reached; the entry is known by it.</param>
/// <param name="Data">What is known of it.</param>
public sealed record DbPeer(MultiserverAddress Address, PeerData Data)
{
    /// <summary>The peer: the feed id that its address names, else the one in its data. It is null if neither names 32 bytes.</summary>
    public FeedId? FeedId => Address.FeedId ?? Ssb.FeedId.ReadLenient(Data.Key);

    /// <summary>The field <c>key</c> of its JSON: as its data have it, which may be another spelling of <see cref="FeedId"/>, else from the
    /// address.</summary>
    public string? Key => Data.Key ?? Address.FeedId?.ToString();

    internal PeerKind Kind { get; } = PeerKinds.Of(Address, Data);

    /// <summary>It is left alone for as long at least, in milliseconds, see <see cref="Cooldown.LeastOf"/>.</summary>
    internal double LeastCooldown { get; } = Cooldown.LeastOf(PeerKinds.Of(Address, Data), Data);

    /// <summary>Do its data, in the words of the old gossip plugin, tell a host that is this machine?</summary>
    internal bool IsLocalhost { get; } = Data.Host is { } host && AddressScopes.Of(host) == AddressScope.Loopback;

    /// <summary>The entry as JSON, <c>[address, {...}]</c>. It holds the whole address, a seed included.</summary>
    public string ToJson() => $"[{JsonSerializer.Serialize(Address, StagingJsonContext.Default.MultiserverAddress)},{Data.ToJson()}]";

    /// <inheritdoc/>
    public bool Equals(DbPeer? other) => other is not null && Address == other.Address && Data.Equals(other.Data);

    /// <inheritdoc/>
    public override int GetHashCode() => Address.GetHashCode();

    /// <summary>The address, masked, with the type.</summary>
    public override string ToString() => Data.Type is null ? Address.ToString() : $"{Address} ({StrangerText.Show(Data.Type)})";
}

/// <summary>What happened to an entry of the address book.</summary>
public enum DbEventType
{
    /// <summary>It is new.</summary>
    Insert,

    /// <summary>Its data changed.</summary>
    Update,

    /// <summary>It is gone.</summary>
    Delete,

    /// <summary>The reader lagged, and events were lost to it.</summary>
    Missed,
}

/// <summary>One change of the address book; as JSON <c>{type, address}</c>, as npm ssb-conn-db has it.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Peer">The entry as it is now, or last was; null for <see cref="DbEventType.Missed"/>.</param>
/// <param name="Missed">How many events were lost, for <see cref="DbEventType.Missed"/>; else 0.</param>
public sealed record DbEvent(DbEventType Type, DbPeer? Peer, long Missed = 0)
{
    /// <summary>The address of the entry.</summary>
    public MultiserverAddress? Address => Peer?.Address;
}
