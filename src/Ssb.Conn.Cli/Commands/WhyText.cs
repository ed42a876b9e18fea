using System.Text;
using System.Text.Json;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Commands;

/// <summary>The answer of <c>conn.why</c> in words.</summary>
internal static class WhyText
{
    /// <summary>Reads the answer.</summary>
    /// <exception cref="FailedException">It is something else.</exception>
    public static JsonElement Read(RpcValue answer)
    {
        try
        {
            if (answer.AsJson() is { ValueKind: JsonValueKind.Object } report)
                return report;
        }
        catch (FormatException)
        {
            // as is told below
        }

        throw new FailedException("the peer answered conn.why with something else than a report");
    }

    /// <summary>The report, line by line, fit for a terminal and without secrets.</summary>
    public static IEnumerable<string> Lines(JsonElement report)
    {
        yield return TerminalText.Clean(Subject(report));
        if (JsonText.Member(report, "rule") is { } rule)
            yield return TerminalText.Clean(Rule(rule));

        JsonElement[] routes = [.. JsonText.List(report, "routes")], history = [.. JsonText.List(report, "history")];
        if (routes.Length == 0 && !IsPeerItself(report))
        {
            bool wasRefused = history.Any(note => JsonText.Of(note, "what") == "refused");
            yield return wasRefused ? "It is neither connected, nor on the bench, nor in the address book." : "Nothing is known of it now.";
        }

        foreach (JsonElement route in routes)
            yield return TerminalText.Clean("  " + Route(route));
        foreach (JsonElement note in history)
            yield return TerminalText.Clean("  " + Note(note, routes.Length != 1));
    }

    /// <summary>Is it about the peer that answers?</summary>
    public static bool IsPeerItself(JsonElement report) => JsonText.Member(report, "ourselves") is { ValueKind: JsonValueKind.True };

    /// <summary>What a person decided, if that is in force, such as <c>blocked until 2026-01-01 00:00:00Z</c>; null if nothing is.</summary>
    public static string? Decided(JsonElement report) =>
        JsonText.Member(report, "rule") is { } rule && !IsHold(rule) ? $"{KindOf(rule)}{At(" until", rule, "until")}" : null;

    private static string Subject(JsonElement report)
    {
        string subject = Shown(JsonText.Of(report, "subject")) ?? "This peer";
        string? key = JsonText.Of(report, "key");
        string hops = JsonText.Number(report, "hops") switch
        {
            null => "",
            < 0 => ", blocked in the social graph",
            0 => ", the peer itself",
            1 => ", 1 hop away",
            var many => $", {many:0} hops away",
        };
        string named = $"{subject}{(key is null || key == subject ? "" : $" is {key}")}";
        return IsPeerItself(report) ? $"{named}: this is the peer itself, which it neither stages nor dials." : $"{named}{hops}.";
    }

    private static string Rule(JsonElement rule)
    {
        if (IsHold(rule))
            return $"You disconnected it{At(" at", rule, "since")}; it is not dialled{At(" until about", rule, "until")}.";
        string cause = JsonText.Of(rule, "unknownKind") switch
        {
            null => "",
            "" => "; the rule in conn-rules.json gives no kind, and so counts as a block",
            { } other => $"; conn-rules.json gives the kind '{other}', which is not known, and so counts as a block",
        };
        return $"It is {KindOf(rule)}{At(" since", rule, "since")}{At(", until", rule, "until")}{cause}.";
    }

    private static bool IsHold(JsonElement rule) => JsonText.Of(rule, "kind") == "disconnect";

    private static string KindOf(JsonElement rule) => JsonText.Of(rule, "kind") == "block" ? "blocked" : "dismissed";

    private static string Route(JsonElement route)
    {
        var text = new StringBuilder();
        text.Append(Shown(JsonText.Of(route, "address")) ?? "?").Append(" is ").Append(JsonText.Of(route, "where") ?? "somewhere");
        if (JsonText.Of(route, "source") is { } source)
            text.Append(", told of by ").Append(source);
        text.Append(". ").Append(JsonText.Of(route, "outlook") ?? "Nothing is said of what comes next");
        text.Append(Times(JsonText.Time(JsonText.Number(route, "retryAt")), JsonText.Time(JsonText.Number(route, "retryBy")))).Append('.');
        double failures = JsonText.Number(route, "failures") ?? 0;
        if (failures > 0)
        {
            string since = JsonText.Member(route, "wasConnected") is { ValueKind: JsonValueKind.True } ? " since the last connection by this route" : "";
            text.Append($" Failed {failures:0} {(failures == 1 ? "time" : "times")}{since}.");
        }

        if (JsonText.Of(route, "lastError") is { } error)
            text.Append(" The last error: ").Append(Hidden(error, JsonText.Of(route, "address")));
        return text.ToString();
    }

    // Chance decides within these two. Where others go before it, no latest time is known.
    private static string Times(DateTimeOffset? from, DateTimeOffset? to) => (from, to) switch
    {
        ({ } at, { } by) => $" (about {at:u}, by {by:u} at the latest)",
        ({ } at, null) => $" (about {at:u} at the earliest)",
        (null, { } by) => $" (by {by:u} at the latest)",
        _ => "",
    };

    private static string Note(JsonElement note, bool withAddress)
    {
        string what = JsonText.Of(note, "what") ?? "", reason = Hidden(JsonText.Of(note, "reason"), JsonText.Of(note, "address")) ?? "";
        // The words of a rule begin with what was decided, such as "blocked until ...".
        string happened = what.Length > 0 && reason.StartsWith(what, StringComparison.Ordinal) ? "" : $"{what}: ";
        string told = JsonText.Of(note, "source") is { } source ? $" (told of by {source})" : "";
        string address = withAddress && Shown(JsonText.Of(note, "address")) is { } shown ? $", {shown}" : "";
        return $"{At("", note, "at").TrimStart()} {happened}{reason}{told}{address}";
    }

    private static string At(string before, JsonElement of, string name) =>
        JsonText.Time(JsonText.Number(of, name)) is { } time ? $"{before} {time:u}" : "";

    private static string? Hidden(string? text, string? address) =>
        text is not null && MultiserverAddress.TryParse(address, out MultiserverAddress? parsed) ? parsed.Hide(text) : text;

    /// <summary>An address as people are shown it, its secrets masked; another text as it is.</summary>
    public static string? Shown(string? address) => MultiserverAddress.TryParse(address, out MultiserverAddress? parsed) ? parsed.ToString() : address;
}
