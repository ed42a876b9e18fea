using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>A peer of the address book, as it was at one moment.</summary>
/// <remarks>Immutable and thread-safe. As JSON it is <c>[address, {...}]</c>, as npm ssb-conn-db has it.</remarks>
/// <param name="Address">Where it can be reached; the entry is known by it.</param>
/// <param name="Data">What is known of it.</param>
[JsonConverter(typeof(DbPeerJsonConverter))]
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
    public string ToJson() => ExactJson.ToText(this, static (writer, peer) => peer.WriteTo(writer));

    /// <inheritdoc/>
    public bool Equals(DbPeer? other) => other is not null && Address == other.Address && Data.Equals(other.Data);

    /// <inheritdoc/>
    public override int GetHashCode() => Address.GetHashCode();

    /// <summary>The address, masked, with the type.</summary>
    public override string ToString() => Data.Type is null ? Address.ToString() : $"{Address} ({StrangerText.Show(Data.Type)})";

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        writer.WriteStringValue(Address.Text);
        writer.WriteStartObject();
        Data.WriteFields(writer);
        writer.WriteEndObject();
        writer.WriteEndArray();
    }
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

/// <summary>One change of the address book; as JSON <c>{type, address}</c>, as npm ssb-conn-db has it, or <c>{type, missed}</c>.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Peer">The entry as it is now, or last was; null for <see cref="DbEventType.Missed"/>.</param>
/// <param name="Missed">How many events were lost, for <see cref="DbEventType.Missed"/>; else 0.</param>
[JsonConverter(typeof(DbEventJsonConverter))]
public sealed record DbEvent(DbEventType Type, DbPeer? Peer, long Missed = 0)
{
    /// <summary>The address of the entry.</summary>
    public MultiserverAddress? Address => Peer?.Address;

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", Type switch
        {
            DbEventType.Insert => "insert",
            DbEventType.Update => "update",
            DbEventType.Delete => "delete",
            _ => "missed",
        });
        if (Peer is { } peer)
            writer.WriteString("address", peer.Address.Text);
        else
            writer.WriteNumber("missed", Missed);
        writer.WriteEndObject();
    }
}
