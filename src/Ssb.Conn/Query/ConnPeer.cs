using System.Buffers;
using System.Text;
using System.Text.Json;

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
    public string? Type => _entry switch
    {
        DbPeer db => db.Data.Type,
        StagedPeer staged => staged.Type,
        _ => Hub!.Data.Type,
    };

    /// <summary>What its pool knows of it.</summary>
    public PeerData Data => _entry switch
    {
        DbPeer db => db.Data,
        StagedPeer staged => PeerData.Of(staged),
        _ => Hub!.Data,
    };

    /// <summary>The peer in the hub, if it is being connected, is connected or is being disconnected.</summary>
    public HubPeer? Hub { get; }

    /// <summary>Who told of it first, if it is on the bench.</summary>
    public string? Source => PeerSource.ToldBy(ToldAs);

    /// <summary>The source as the bench has it.</summary>
    internal string? ToldAs => (_entry as StagedPeer)?.Source;

    internal DbPeer? Db => _entry as DbPeer;

    internal StagedPeer? Staged => _entry as StagedPeer;

    internal PeerKind Kind => _entry switch
    {
        DbPeer db => db.Kind,
        StagedPeer staged => PeerKinds.Of(staged.Address.Text, staged.Type, Text(staged, "source"), null, staged.Data.Fields.TryGetValue("alias", out JsonElement alias)
            && alias.ValueKind is JsonValueKind.String or JsonValueKind.True),
        _ => PeerKinds.Of(Hub!.Address, Hub.Data),
    };

    internal double? StateChangeMs => _entry is StagedPeer staged ? Number(staged, "stateChange") : DataOfEntry.StateChangeMs;

    internal int Failure => _entry is StagedPeer staged ? (int)Math.Clamp(Number(staged, "failure") ?? 0, 0, int.MaxValue) : DataOfEntry.Failure;

    internal double MeanDurationMs => _entry is not StagedPeer staged ? DataOfEntry.MeanDurationMs
        : staged.Data.Fields.TryGetValue("duration", out JsonElement duration) ? PeerStatistics.MeanOf(duration) : 0;

    internal double? RetryAtMs => _entry switch
    {
        StagedPeer staged => Number(staged, "retryAt"),
        _ => null,
    };

    internal bool? Autoconnect => _entry is not StagedPeer staged ? DataOfEntry.Autoconnect
        : staged.Data.Fields.TryGetValue("autoconnect", out JsonElement value) ? value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        } : null;

    private PeerData DataOfEntry => Db?.Data ?? Hub!.Data;

    /// <summary>The peer as JSON. It holds the whole address, a seed included.</summary>
    public string ToJson()
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = ExactJson.Encoder, SkipValidation = true }))
        {
            writer.WriteStartArray();
            writer.WriteStringValue(Address.Text);
            writer.WriteStartObject();
            writer.WriteString("pool", Pool switch { PeerPool.Db => "db", PeerPool.Staging => "staging", _ => "hub" });
            PeerData data = Data.Without("pool");
            ConnJson.WriteFields(writer, data);
            if (data.Key is null && FeedId is { } feedId)
                writer.WriteString("key", feedId.ToString());
            if (_entry is HubPeer hub)
            {
                writer.WriteString("state", HubPeer.NameOf(hub.State));
                writer.WriteNumber("hubBirth", hub.HubBirth.ToUnixTimeMilliseconds());
                writer.WriteNumber("hubUpdated", hub.HubUpdated.ToUnixTimeMilliseconds());
            }

            writer.WriteEndObject();
            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

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

    private static double? Number(StagedPeer peer, string name) => peer.Data.Fields.Count > 0 && peer.Data.Fields.TryGetValue(name, out JsonElement value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number : null;

    private static string? Text(StagedPeer peer, string name) => peer.Data.Fields.Count > 0 && peer.Data.Fields.TryGetValue(name, out JsonElement value)
        && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>One identity that could be connected to, with all the ways to it.</summary>
/// <param name="FeedId">The peer; null for an address that names none, which is a suggestion of its own.</param>
/// <param name="Routes">The ways to it, the one to be tried first at the head: those that failed least, then the nearest, then the latest
/// heard of.</param>
public sealed record Suggestion(FeedId? FeedId, IReadOnlyList<ConnPeer> Routes);
