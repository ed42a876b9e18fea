using Ssb.Conn.Net;

namespace Ssb.Conn.Cli;

/// <summary>What a run has come to, for a person.</summary>
internal sealed record Summary
{
    public required TimeSpan Elapsed { get; init; }
    public required long Staged { get; init; }
    public required string Seen { get; init; }
    public required long Refreshed { get; init; }
    public required long Refused { get; init; }
    public required long Expired { get; init; }
    public required long Evicted { get; init; }
    public required long Missed { get; init; }
    public required int StillThere { get; init; }
    public required LanCounters Lan { get; init; }

    /// <summary>The figures at this moment.</summary>
    public static Summary Of(Watch watch) => new()
    {
        Elapsed = watch.Elapsed,
        Staged = watch.Tally.Staged,
        Seen = watch.Tally.Seen,
        Refreshed = watch.Tally.Refreshed,
        Refused = watch.Tally.Refused,
        Expired = watch.Tally.Expired,
        Evicted = watch.Tally.Evicted,
        Missed = watch.Tally.Missed,
        StillThere = watch.Staging.Count,
        Lan = watch.Counters,
    };

    /// <summary>Writes it as a few lines of plain text.</summary>
    public void Write(TextWriter output)
    {
        output.WriteLine(Head("discover", Elapsed));
        Write("peers staged", Staged, Staged > 0 ? $"{Seen} different" : "");
        Write("refreshed", Refreshed);
        Write("expired", Expired);
        if (Evicted > 0)
            Write("evicted", Evicted, "made room while the bench was full");
        if (Refused > 0)
            Write("refused", Refused, "their sender, or the bench, was full");
        if (Missed > 0)
            Write("uncounted", Missed, "changes that came too fast to be told apart");
        Write("still there", StillThere);
        Write("datagrams heard", Lan.Datagrams);
        IReadOnlyDictionary<string, long> rejected = Rejected(Lan);
        Write("rejected", rejected.Values.Sum(), string.Join(", ", rejected.Select(reason => $"{reason.Value:N0} {reason.Key}")));
        if (Lan.Rejected.TryGetValue(LanReject.OwnKey, out long echo) && echo > 0)
            Write("our own echo", echo, "ignored");
        Write("rate-limited", Lan.RateLimited + Lan.OverBudget);

        void Write(string name, long figure, string remark = "") =>
            output.WriteLine(Line(name, figure, remark));
    }

    /// <summary>The first line of a summary.</summary>
    public static string Head(string command, TimeSpan elapsed) =>
        $"ssb-conn {command} ended after {Durations.Clock(TimeSpan.FromSeconds(Math.Round(elapsed.TotalSeconds)))}";

    /// <summary>Another one: a figure, and what is to be said of it.</summary>
    public static string Line(string name, long figure, string remark) => $"  {name,-16}{figure,8:N0}{(remark.Length > 0 ? $"   {remark}" : "")}";

    /// <summary>The datagrams that were no announcement for us, by reason. Our own echo is none of them.</summary>
    public static IReadOnlyDictionary<string, long> Rejected(LanCounters lan)
    {
        var reasons = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((LanReject reason, long count) in lan.Rejected)
        {
            if (count > 0 && reason != LanReject.OwnKey)
                reasons[Name(reason)] = count;
        }

        if (lan.OffLink > 0)
            reasons["from another subnet"] = lan.OffLink;
        return reasons;
    }

    private static string Name(LanReject reason) => reason switch
    {
        LanReject.TooLong => "too long",
        LanReject.TooShort => "too short",
        LanReject.NotBoxed => "of another network",
        LanReject.NotJson => "not JSON",
        LanReject.WrongShape => "of another shape",
        LanReject.BadAddress => "with a bad address",
        LanReject.NoKey => "without a key",
        LanReject.BadSignature => "with a bad signature",
        LanReject.NoRoute => "with no route to their sender or subnet",
        _ => "for other reasons",
    };
}
