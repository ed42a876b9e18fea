using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>An entry of the bench: a peer that could be connected to, as it was at one moment.</summary>
/// <remarks>Immutable and thread-safe. As JSON it is <c>[address, {key, type, stagingBirth, stagingUpdated, ...}]</c>, as
/// in npm ssb-conn-staging, times in Unix milliseconds. Equal when the JSON values are.</remarks>
[DebuggerDisplay("{Address,nq} {Type,nq}")]
[JsonConverter(typeof(StagedPeerJsonConverter))]
public sealed class StagedPeer : IEquatable<StagedPeer>
{
    /// <summary>The fields of its JSON that the bench alone writes: in data that are given they are ignored.</summary>
    internal static readonly string[] BenchFields = ["stagingBirth", "stagingUpdated"];

    private object _address; // a MultiserverAddress, or its text until somebody asks for more

    /// <param name="address">The address, or its valid text.</param>
    /// <param name="data">All that was told.</param>
    /// <param name="share">Of the source that told first.</param>
    /// <param name="birth">In Unix milliseconds.</param>
    /// <param name="updated">In Unix milliseconds.</param>
    internal StagedPeer(object address, PeerData data, SourceShare? share, long birth, long updated)
    {
        _address = address;
        Data = data;
        Share = share;
        Birth = birth;
        Updated = updated;
    }

    /// <summary>This entry, staged again.</summary>
    internal StagedPeer(StagedPeer previous, PeerData data, SourceShare? share, long updated)
        : this(previous._address, data, share, previous.Birth, updated)
    {
    }

    /// <summary>Where the peer can be reached; the entry is known by it.</summary>
    public MultiserverAddress Address
    {
        get
        {
            if (_address is string text)
                Interlocked.CompareExchange(ref _address, MultiserverAddress.Parse(text, int.MaxValue), text);
            return (MultiserverAddress)_address;
        }
    }

    /// <summary>The peer: the feed id that its address names, else the one in its data. It is null if neither names 32 bytes.</summary>
    public FeedId? FeedId => Address.FeedId ?? Ssb.FeedId.ReadLenient(Data.Key);

    /// <summary>All that was told about it, merged.</summary>
    public PeerData Data { get; }

    /// <summary>The field <c>key</c> of its JSON: as given, which may be another spelling of <see cref="FeedId"/>, else from the address. It is
    /// null if neither names a peer.</summary>
    public string? Key => Data.Key ?? (Data.Has("key") ? null : Address.FeedId?.ToString());

    /// <summary>How the peer was met, such as <c>lan</c>.</summary>
    public string? Type => Data.Type;

    /// <summary>Has it proved that it owns its key? Null when nobody said.</summary>
    public bool? Verified => Data.Verified;

    /// <summary>When it came onto the bench, to the millisecond; <c>stagingBirth</c> in JSON.</summary>
    public DateTimeOffset StagingBirth => DateTimeOffset.FromUnixTimeMilliseconds(Birth);

    /// <summary>When it was last staged, to the millisecond; <c>stagingUpdated</c> in JSON.</summary>
    public DateTimeOffset StagingUpdated => DateTimeOffset.FromUnixTimeMilliseconds(Updated);

    /// <summary>Who told us first, as given to <see cref="ConnStaging.Stage(MultiserverAddress, PeerData?, string?)"/>; null
    /// when it was staged without a source. Not part of the JSON.</summary>
    public string? Source => Share?.Name;

    internal string Text => _address as string ?? ((MultiserverAddress)_address).Text;

    internal SourceShare? Share { get; }

    internal long Birth { get; }

    internal long Updated { get; }

    /// <summary>The entry as JSON, byte for byte as <c>JSON.stringify</c> writes it. It holds the whole address, a seed included.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, StagingJsonContext.Default.StagedPeer);

    /// <inheritdoc/>
    public bool Equals(StagedPeer? other) => ReferenceEquals(this, other) || (other is not null
        && Text == other.Text && Birth == other.Birth && Updated == other.Updated
        && Key == other.Key && HasDataOf(other));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as StagedPeer);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Text, Birth, Updated);

    /// <summary>The address, masked, with the type.</summary>
    public override string ToString() => Type is null ? Address.ToString() : $"{Address} ({StrangerText.Show(Type)})";

    // The same key may be written in the data of one, and come from the address of the other.
    private bool HasDataOf(StagedPeer other) =>
        Data.Equals(other.Data) || (Key is not null && Data.Without("key").Equals(other.Data.Without("key")));
}
