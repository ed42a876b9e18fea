using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Ssb.Conn;

/// <summary>What a person decided about a peer.</summary>
public enum PeerRuleKind
{
    /// <summary>To be left alone: it is disconnected, does not come onto the bench, is not dialled automatically, and is not let in when it calls
    /// (<see cref="AdmissionOptions.DismissedMayCall"/>). A person may connect to it.</summary>
    Dismiss,

    /// <summary>Nothing to do with it: as <see cref="Dismiss"/>, and it is neither dialled nor let in.</summary>
    Block,

    /// <summary>A person disconnected it, so it is not dialled automatically for <see cref="ConnPluginOptions.DisconnectHold"/>. It may be on the bench,
    /// may call, and may be connected to by a person, which ends this. Not kept in <c>conn-rules.json</c>.</summary>
    Disconnect,
}

/// <summary>What happened to a decision about a peer.</summary>
public enum PeerRuleEventType
{
    /// <summary>It was made.</summary>
    Decided,

    /// <summary>Somebody undid it; or, of <see cref="PeerRuleKind.Disconnect"/>, connected to the peer.</summary>
    Undone,

    /// <summary>The reader lagged, and events were lost to it.</summary>
    Missed,
}

/// <summary>One event of <see cref="ConnPlugin.ListenRules"/>. Immutable.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Rule">The decision; null for <see cref="PeerRuleEventType.Missed"/>.</param>
public sealed record PeerRuleEvent(PeerRuleEventType Type, PeerRule? Rule)
{
    /// <summary>How many events were lost, for <see cref="PeerRuleEventType.Missed"/>; else 0.</summary>
    public long Missed { get; init; }
}

/// <summary>A decision about a peer. Immutable.</summary>
/// <param name="Target">What it is about: a peer, with all its addresses, or one address.</param>
/// <param name="Kind">What was decided.</param>
/// <param name="Since">When.</param>
/// <param name="Until">When it ends; null: when somebody undoes it.</param>
public sealed record PeerRule(PeerTarget Target, PeerRuleKind Kind, DateTimeOffset Since, DateTimeOffset? Until)
{
    private const int MostShownOfAKind = 40;

    /// <summary>The kind as <c>conn-rules.json</c> has it, if it is not known here; empty if the file gives none. The rule then counts
    /// as a block until somebody undoes it.</summary>
    /// <value>Null for a kind that is known.</value>
    public string? UnknownKind { get; init; }

    /// <summary>The rule in JSON, as <c>conn-rules.json</c> and <c>conn.rules</c> have it: <c>{target, kind, since, until?, unknownKind?}</c>, times in
    /// Unix milliseconds. The kind is <c>dismiss</c>, <c>block</c> or <c>disconnect</c>.</summary>
    public string ToJson()
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = ExactJson.Encoder }))
            WriteTo(writer);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("target", Target.Text);
        writer.WriteString("kind", Kind switch { PeerRuleKind.Block => "block", PeerRuleKind.Dismiss => "dismiss", _ => "disconnect" });
        writer.WriteNumber("since", Since.ToUnixTimeMilliseconds());
        if (Until is { } end)
            writer.WriteNumber("until", end.ToUnixTimeMilliseconds());
        if (UnknownKind is not null)
            writer.WriteString("unknownKind", UnknownKind);
        writer.WriteEndObject();
    }

    /// <summary>In words, such as <c>dismissed until 2026-01-01 00:00:00Z</c>. Without the target, which may be an address with a
    /// seed.</summary>
    public override string ToString() => Kind switch { PeerRuleKind.Block => "blocked", PeerRuleKind.Dismiss => "dismissed", _ => "disconnected" } + (Until is { } end ? $" until {end:u}" : "") + UnknownKind switch
    {
        null => "",
        "" => " (by a rule in conn-rules.json that gives no kind)",
        // Whoever wrote the file may have written anything.
        _ => $" (by a rule in conn-rules.json of the kind '{StrangerText.Show(UnknownKind, MostShownOfAKind)}', which is not known here)",
    };
}
