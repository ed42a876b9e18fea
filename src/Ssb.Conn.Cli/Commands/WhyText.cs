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

        JsonElement[] routes = [.. JsonText.List(report, "routes")];
        if (routes.Length == 0)
            yield return "Nothing is known of it now.";
        foreach (JsonElement route in routes)
            yield return TerminalText.Clean("  " + Route(route));
        foreach (JsonElement note in JsonText.List(report, "history"))
            yield return TerminalText.Clean("  " + Note(note, routes.Length != 1));
    }

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
        return $"{subject}{(key is null || key == subject ? "" : $" is {key}")}{hops}.";
    }

    private static string Rule(JsonElement rule)
    {
        string? name = JsonText.Of(rule, "kind");
        if (name == "disconnect")
            return $"You disconnected it{At(" at", rule, "since")}; it is left alone{At(" until about", rule, "until")}.";
        string kind = name == "block" ? "blocked" : "dismissed";
        string cause = JsonText.Of(rule, "unknownKind") switch
        {
            null => "",
            "" => "; the rule in conn-rules.json gives no kind, and so counts as a block",
            { } other => $"; conn-rules.json gives the kind '{other}', which is not known, and so counts as a block",
        };
        return $"It is {kind}{At(" since", rule, "since")}{At(", until", rule, "until")}{cause}.";
    }

    private static string Route(JsonElement route)
    {
        var text = new StringBuilder();
        text.Append(Shown(JsonText.Of(route, "address")) ?? "?").Append(" is ").Append(JsonText.Of(route, "where") ?? "somewhere");
        if (JsonText.Of(route, "source") is { } source)
            text.Append(", told of by ").Append(source);
        text.Append(". ").Append(JsonText.Of(route, "outlook") ?? "Nothing is said of what comes next");
        if (JsonText.Time(JsonText.Number(route, "retryAt")) is { } retry)
            text.Append($" (not before {retry:u})");
        text.Append('.');
        double failures = JsonText.Number(route, "failures") ?? 0;
        if (failures > 0)
            text.Append($" Failed {failures:0} {(failures == 1 ? "time" : "times")} since the last connection.");
        if (JsonText.Of(route, "lastError") is { } error)
            text.Append(" The last error: ").Append(Hidden(error, JsonText.Of(route, "address")));
        return text.ToString();
    }

    private static string Note(JsonElement note, bool withAddress)
    {
        string told = JsonText.Of(note, "source") is { } source ? $" (told of by {source})" : "";
        string address = withAddress && Shown(JsonText.Of(note, "address")) is { } shown ? $", {shown}" : "";
        return $"{At("", note, "at").TrimStart()} {JsonText.Of(note, "what")}: {Hidden(JsonText.Of(note, "reason"), JsonText.Of(note, "address"))}{told}{address}";
    }

    private static string At(string before, JsonElement of, string name) =>
        JsonText.Time(JsonText.Number(of, name)) is { } time ? $"{before} {time:u}" : "";

    private static string? Hidden(string? text, string? address) =>
        text is not null && MultiserverAddress.TryParse(address, out MultiserverAddress? parsed) ? parsed.Hide(text) : text;

    private static string? Shown(string? address) => MultiserverAddress.TryParse(address, out MultiserverAddress? parsed) ? parsed.ToString() : address;
}
