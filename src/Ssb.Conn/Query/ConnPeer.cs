using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>Where the data of a peer come from.</summary>
public enum PeerPool
{
    /// <summary>The address book.</summary>
    Db,

    /// <summary>The bench.</summary>
    Staging,

    /// <summary>The hub alone: a peer that is in neither of the others.</summary>
    Hub,
}

/// <summary>A peer as a query gives it: its address, and what the first of address book, bench and hub that has it knows of it.</summary>
/// <remarks>Immutable. It refers to the entry of its pool and copies nothing. As JSON it is <c>[address, {pool, ...data}]</c>, as npm
/// ssb-conn-query has it.</remarks>
[JsonConverter(typeof(ConnPeerJsonConverter))]
public readonly struct ConnPeer : IEquatable<ConnPeer>
{
    private readonly object _entry; // a DbPeer, a StagedPeer or a HubPeer

    internal ConnPeer(DbPeer peer, HubPeer? hub = null) => (_entry, Hub) = (peer, hub);

    internal ConnPeer(StagedPeer peer, HubPeer? hub = null) => (_entry, Hub) = (peer, hub);

    internal ConnPeer(HubPeer peer) => (_entry, Hub) = (peer, peer);

    /// <summary>Where its data come from.</summary>
    public PeerPool Pool => _entry switch
    {
        DbPeer => PeerPool.Db,
        StagedPeer => PeerPool.Staging,
        _ => PeerPool.Hub,
    };

    /// <summary>Where it can be reached.</summary>
    public MultiserverAddress Address => _entry switch
    {
        DbPeer db => db.Address,
        StagedPeer staged => staged.Address,
        _ => Hub!.Address, // one of the three is there
    };

    /// <summary>The peer; null if nothing names it.</summary>
    public FeedId? FeedId => _entry switch
    {
        DbPeer db => db.FeedId,
        StagedPeer staged => staged.FeedId,
        _ => null,
    } ?? Hub?.FeedId;

    /// <summary>How the peer was met, such as <c>lan</c>.</summary>
    public string? Type => Told.Type;

    /// <summary>What its pool knows of it.</summary>
    public PeerData Data => _entry is StagedPeer staged ? PeerData.Of(staged) : Told;

    /// <summary>The peer in the hub, if it is being connected, is connected or is being disconnected.</summary>
    public HubPeer? Hub { get; }

    /// <summary>Who told of it first, if it is on the bench.</summary>
    public string? Source => PeerSource.ToldBy(ToldAs);

    /// <summary>The source as the bench has it.</summary>
    internal string? ToldAs => (_entry as StagedPeer)?.Source;

    internal DbPeer? Db => _entry as DbPeer;

    internal StagedPeer? Staged => _entry as StagedPeer;

    internal PeerKind Kind => _entry is DbPeer db ? db.Kind : PeerKinds.Of(Address, Told);

    internal double? StateChangeMs => Told.StateChangeMs;

    internal int Failure => Told.Failure;

    internal double MeanDurationMs => Told.MeanDurationMs;

    internal double? RetryAtMs => Staged?.Data.RetryAtMs;

    internal bool? Autoconnect => Told.Autoconnect;

    // The data as they are kept: those of the bench without the times there, and without the key if the address alone tells it.
    private PeerData Told => _entry switch
    {
        DbPeer db => db.Data,
        StagedPeer staged => staged.Data,
        _ => Hub!.Data, // one of the three is there
    };

    /// <summary>The peer as JSON. It holds the whole address, a seed included.</summary>
    public string ToJson() => ExactJson.ToText(this, static (writer, peer) => peer.WriteTo(writer));

    /// <summary>The address, masked, with type and pool.</summary>
    public override string ToString() => $"{Address} ({StrangerText.Show(Type ?? "no type")}, {Pool})";

    /// <inheritdoc/>
    public bool Equals(ConnPeer other) => Equals(_entry, other._entry) && Equals(Hub, other.Hub);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ConnPeer other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _entry?.GetHashCode() ?? 0;

    /// <summary>Same entries?</summary>
    public static bool operator ==(ConnPeer left, ConnPeer right) => left.Equals(right);

    /// <summary>Different entries?</summary>
    public static bool operator !=(ConnPeer left, ConnPeer right) => !left.Equals(right);

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        writer.WriteStringValue(Address.Text);
        writer.WriteStartObject();
        writer.WriteString("pool", Pool switch { PeerPool.Db => "db", PeerPool.Staging => "staging", _ => "hub" });
        PeerData data = Data.Without("pool");
        data.WriteFields(writer);
        if (data.Key is null && FeedId is { } feedId)
            writer.WriteString("key", feedId.ToString());
        if (_entry is HubPeer hub)
        {
            writer.WriteString("state", HubPeer.NameOf(hub.State));
            writer.WriteNumber("hubBirth", hub.HubBirth.ToUnixTimeMilliseconds());
            writer.WriteNumber("hubUpdated", hub.HubUpdated.ToUnixTimeMilliseconds());
            writer.WriteNumber("hubStateSince", hub.StateSince.ToUnixTimeMilliseconds());
        }

        writer.WriteEndObject();
        writer.WriteEndArray();
    }
}

/// <summary>One identity that could be connected to, with all the ways to it.</summary>
/// <param name="FeedId">The peer; null for an address that names none, which is a suggestion of its own.</param>
/// <param name="Routes">The ways to it, the one to be tried first at the head: those that failed least, then the nearest, then the latest
/// heard of.</param>
public sealed record Suggestion(FeedId? FeedId, IReadOnlyList<ConnPeer> Routes);
