using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>One way to a peer, and how it stands with it.</summary>
/// <param name="Address">The address.</param>
/// <param name="Where">Where it is: <c>connected</c>, <c>connecting</c>, <c>disconnecting</c>, <c>staged</c>, <c>remembered</c>, or <c>nowhere</c>.</param>
/// <param name="Source">Who told of it, if that is known.</param>
/// <param name="Failures">Failed dials since it last was connected by this address; if it never was, all of them.</param>
/// <param name="LastError">What the last one said.</param>
/// <param name="Outlook">What the scheduler makes of it, in words.</param>
/// <param name="RetryAt">Not to be dialled automatically before, as things stand; null if nothing is to be waited for, or it is not known. Chance
/// decides how soon after that it is dialled, see <see cref="RetryBy"/>.</param>
public sealed record WhyRoute(MultiserverAddress Address, string Where, string? Source, int Failures, string? LastError, string Outlook, DateTimeOffset? RetryAt)
{
    /// <summary>By when it is dialled at the latest, as things stand: unless others come before it, slots fill up or the network changes. Null if that is
    /// not known.</summary>
    public DateTimeOffset? RetryBy { get; init; }

    /// <summary>Its place among those that wait to be dialled automatically; 1: it is the next. Null if it does not wait.</summary>
    public int? Place { get; init; }

    /// <summary>Is it known that it was connected by this address before?</summary>
    public bool WasConnected { get; init; }

    /// <summary>In words, on one line: the address masked, and strangers' text as it is shown to people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append($"{Address} is {Where}");
        if (Source is not null)
            text.Append(", told of by ").Append(Source);
        text.Append(". ").Append(Outlook);
        text.Append(Times(RetryAt, RetryBy)).Append('.');
        if (Failures > 0)
            text.Append($" Failed {Failures} {(Failures == 1 ? "time" : "times")}{(WasConnected ? " since the last connection by this route" : "")}");
        if (LastError is not null)
            text.Append(Failures > 0 ? ", last: " : " Last error: ").Append(Address.Hide(LastError));
        else if (Failures > 0)
            text.Append('.');
        return StrangerText.Show(text.ToString(), WhyReport.LongestLine);
    }

    // Chance decides within these two. Where others go before it, no latest time is known.
    private static string Times(DateTimeOffset? from, DateTimeOffset? to) => (from, to) switch
    {
        ({ } at, { } by) => $" (about {at:u}, by {by:u} at the latest)",
        ({ } at, null) => $" (about {at:u} at the earliest)",
        (null, { } by) => $" (by {by:u} at the latest)",
        _ => "",
    };
}

/// <summary>Why a peer is where it is: the answer of <see cref="ConnPlugin.Why"/>.</summary>
/// <param name="Subject">What was asked for.</param>
/// <param name="FeedId">The peer, if it is known; <c>key</c> in JSON.</param>
/// <param name="Hops">How far it is from us in the social graph; negative: blocked there; null: not known, there is no graph, or it is ourselves.</param>
/// <param name="Rule">What a person decided about it, if that is in force.</param>
/// <param name="Routes">The ways to it that are known.</param>
/// <param name="History">What happened to it of late, the earliest first.</param>
[JsonConverter(typeof(WhyReportJsonConverter))]
public sealed record WhyReport(PeerTarget Subject, FeedId? FeedId, int? Hops, PeerRule? Rule, IReadOnlyList<WhyRoute> Routes, IReadOnlyList<PeerNote> History)
{
    /// <summary>Is it our own feed id?</summary>
    public bool IsOurselves { get; init; }

    internal const int LongestLine = 5_000; // an address of the usual limit is shown whole

    /// <summary>The report in words, for people: addresses masked, and each fact on one line, whatever strangers have said.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (string line in Lines())
            text.AppendLine(StrangerText.Show(line, LongestLine));
        return text.ToString();
    }

    private IEnumerable<string> Lines()
    {
        string hops = Hops switch { null => "", < 0 => ", blocked in the social graph", 0 => ", ourselves", 1 => ", 1 hop away", _ => $", {Hops} hops away" };
        string subject = $"{Subject}{(FeedId is { } peer && Subject.FeedId is null ? $" is {peer}" : "")}";
        yield return IsOurselves ? $"{subject}: this is ourselves, who are neither staged nor dialled." : $"{subject}{hops}.";
        if (Rule is not null)
            yield return Rule.Kind == PeerRuleKind.Disconnect ? $"You disconnected it at {Rule.Since:u}; it is not dialled until about {Rule.Until:u}."
                : $"It is {Rule}, since {Rule.Since:u}.";
        if (Routes.Count == 0 && !IsOurselves)
            yield return History.Any(note => note.What == "refused") ? "It is neither connected, nor on the bench, nor in the address book." : "Nothing is known of it now.";
        foreach (WhyRoute route in Routes)
            yield return $"  {route}";
        foreach (PeerNote note in History)
            yield return $"  {note.Line(withAddress: Routes.Count != 1)}";
    }

    /// <summary>The report as JSON, times in Unix milliseconds. It holds whole addresses, seeds included.</summary>
    public string ToJson() => ExactJson.ToText(this, static (writer, report) => report.WriteTo(writer));

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("subject", Subject.ToString());
        Write("key", FeedId?.ToString());
        if (IsOurselves)
            writer.WriteBoolean("ourselves", true);
        if (Hops is { } hops)
            writer.WriteNumber("hops", hops);
        if (Rule is { } rule)
        {
            writer.WritePropertyName("rule");
            rule.WriteTo(writer);
        }

        writer.WriteStartArray("routes");
        foreach (WhyRoute route in Routes)
        {
            writer.WriteStartObject();
            writer.WriteString("address", route.Address.Text);
            writer.WriteString("where", route.Where);
            Write("source", route.Source);
            writer.WriteNumber("failures", route.Failures);
            Write("lastError", route.LastError);
            writer.WriteString("outlook", route.Outlook);
            WriteTime("retryAt", route.RetryAt);
            WriteTime("retryBy", route.RetryBy);
            if (route.Place is { } place)
                writer.WriteNumber("place", place);
            if (route.WasConnected)
                writer.WriteBoolean("wasConnected", true);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("history");
        foreach (PeerNote note in History)
        {
            writer.WriteStartObject();
            writer.WriteNumber("at", note.At.ToUnixTimeMilliseconds());
            writer.WriteString("what", note.What);
            writer.WriteString("reason", note.Reason);
            Write("address", note.Address?.Text);
            Write("source", note.Source);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();

        void Write(string name, string? value)
        {
            if (value is not null)
                writer.WriteString(name, value);
        }

        void WriteTime(string name, DateTimeOffset? time)
        {
            if (time is { } value)
                writer.WriteNumber(name, value.ToUnixTimeMilliseconds());
        }
    }
}
