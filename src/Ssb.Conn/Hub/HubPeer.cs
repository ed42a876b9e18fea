using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>The state of a connection.</summary>
public enum HubState
{
    /// <summary>It is being dialled.</summary>
    Connecting,

    /// <summary>It stands.</summary>
    Connected,

    /// <summary>It is being ended.</summary>
    Disconnecting,
}

/// <summary>An entry of the hub: a peer whose connection is made, stands or ends, as it was at one moment.</summary>
/// <remarks>Immutable and thread-safe. As JSON it is <c>[address, {...data, key, state, hubBirth, hubUpdated, hubStateSince}]</c>, all but the last as npm ssb-conn-hub
/// has it, times in Unix milliseconds.</remarks>
[JsonConverter(typeof(HubPeerJsonConverter))]
public sealed record HubPeer
{
    internal HubPeer(MultiserverAddress address, HubState state, FeedId? feedId, PeerData data, bool isCaller, DateTimeOffset birth, long bornAt) =>
        (Address, State, FeedId, Data, IsCaller, HubBirth, HubUpdated, StateSince, BornAt, UpdatedAt) =
            (address, state, feedId, data, isCaller, birth, birth, birth, bornAt, bornAt);

    /// <summary>Where the peer is; the entry is known by it.</summary>
    public MultiserverAddress Address { get; }

    /// <summary>The state of its connection.</summary>
    public HubState State { get; internal init; }

    /// <summary>The peer; null before the handshake of an address that names none. In JSON it is <c>key</c>.</summary>
    public FeedId? FeedId { get; internal init; }

    /// <summary>What is known of it; with <c>inferredType</c> where nobody told a type.</summary>
    public PeerData Data { get; internal init; }

    /// <summary>Did the peer call us?</summary>
    public bool IsCaller { get; internal init; }

    /// <summary>Did a person, or the program, ask for the connection?</summary>
    internal bool IsRequested { get; init; }

    /// <summary>When it came into the hub.</summary>
    public DateTimeOffset HubBirth { get; }

    /// <summary>Since when it has been in its <see cref="State"/>. What is told of the peer meanwhile does not change it. In JSON it is
    /// <c>hubStateSince</c>, which npm ssb-conn-hub lacks.</summary>
    public DateTimeOffset StateSince { get; internal init; }

    /// <summary>When it was last updated here, in its state or by what was told of it.</summary>
    public DateTimeOffset HubUpdated { get; internal init; }

    /// <summary>When it came into the hub, as a timestamp of the clock: how long ago that is does not depend on the time of day.</summary>
    internal long BornAt { get; }

    /// <summary>When it last changed here, likewise.</summary>
    internal long UpdatedAt { get; init; }

    /// <summary>The entry as JSON. It holds the whole address, a seed included.</summary>
    public string ToJson() => ExactJson.ToText(this, static (writer, peer) => peer.WriteTo(writer));

    /// <summary>The address, masked, with the state.</summary>
    public override string ToString() => $"{Address} ({NameOf(State)})";

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        writer.WriteStringValue(Address.Text);
        writer.WriteStartObject();
        Data.Without("key", "state", "hubBirth", "hubUpdated", "hubStateSince").WriteFields(writer);
        if (FeedId is { } feedId)
            writer.WriteString("key", feedId.ToString());
        writer.WriteString("state", NameOf(State));
        writer.WriteNumber("hubBirth", HubBirth.ToUnixTimeMilliseconds());
        writer.WriteNumber("hubUpdated", HubUpdated.ToUnixTimeMilliseconds());
        writer.WriteNumber("hubStateSince", StateSince.ToUnixTimeMilliseconds());
        writer.WriteEndObject();
        writer.WriteEndArray();
    }

    /// <summary>The name that npm ssb-conn-hub gives a state, such as <c>connected</c>.</summary>
    public static string NameOf(HubState state) => state switch
    {
        HubState.Connecting => "connecting",
        HubState.Connected => "connected",
        _ => "disconnecting",
    };
}

/// <summary>What happened to a connection.</summary>
public enum HubEventType
{
    /// <summary>The peer is being dialled.</summary>
    Connecting,

    /// <summary>The dial failed; <see cref="HubEvent.Error"/> tells why.</summary>
    ConnectingFailed,

    /// <summary>The connection stands.</summary>
    Connected,

    /// <summary>We are ending it.</summary>
    Disconnecting,

    /// <summary>It could not be ended, and stands; <see cref="HubEvent.Error"/> tells why.</summary>
    DisconnectingFailed,

    /// <summary>It has ended.</summary>
    Disconnected,

    /// <summary>The reader lagged, and events were lost to it.</summary>
    Missed,
}

/// <summary>One event of the hub.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Peer">The peer as it is now, or last was; null for <see cref="HubEventType.Missed"/>.</param>
/// <param name="Reason">Why, in a few words, such as <c>requested</c> or <c>rotation</c>.</param>
public sealed record HubEvent(HubEventType Type, HubPeer? Peer, string Reason)
{
    /// <summary>The connection that stands now, for <see cref="HubEventType.Connected"/>.</summary>
    public IPeerConnection? Connection { get; init; }

    /// <summary>What went wrong, for a failure.</summary>
    public Exception? Error { get; init; }

    /// <summary>How many events were lost, for <see cref="HubEventType.Missed"/>; else 0.</summary>
    public long Missed { get; init; }

    /// <summary>The peer's address.</summary>
    public MultiserverAddress? Address => Peer?.Address;

    /// <summary>The peer; null if it is not known.</summary>
    public FeedId? FeedId => Peer?.FeedId;

    /// <summary>For <see cref="HubEventType.Connected"/>: did we dial?</summary>
    public bool IsClient => Peer is { IsCaller: false };

    /// <summary>The event in words: the address masked, and of an error its message, as strangers' text is shown.</summary>
    public override string ToString()
    {
        if (Peer is null)
            return $"{Missed} events missed";
        string error = Error is null ? "" : $". {StrangerText.Show(Peer.Address.Hide(Error.Message))}";
        return $"{NameOf(Type)} {Peer.Address}: {StrangerText.Show(Reason)}{error}";
    }

    /// <summary>The name that npm ssb-conn-hub gives an event of a peer, such as <c>connecting-failed</c>.</summary>
    public static string NameOf(HubEventType type) => type switch
    {
        HubEventType.Connecting => "connecting",
        HubEventType.ConnectingFailed => "connecting-failed",
        HubEventType.Connected => "connected",
        HubEventType.Disconnecting => "disconnecting",
        HubEventType.DisconnectingFailed => "disconnecting-failed",
        _ => "disconnected",
    };
}
