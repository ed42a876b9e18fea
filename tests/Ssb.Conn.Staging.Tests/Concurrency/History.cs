namespace Ssb.Conn.Staging.Tests.Concurrency;

/// <summary>A call as it was seen from outside: when it began, when it returned, and what.</summary>
internal sealed record Seen(string Call, string Result, long Began, long Returned);

/// <summary>Is there an order of the calls, true to their times, in which a simple list gives the same results?</summary>
internal static class History
{
    /// <summary>What a bench without a clock does, one call at a time: the names of those staged, in order.</summary>
    public static (string Result, string[] Staged) Apply(string call, string[] staged, int capacity)
    {
        string name = call[^1..];
        switch (call[..^1])
        {
            case "stage" when staged.Contains(name):
                return ("Updated", staged);
            case "stage":
                return staged.Length < capacity ? ("Inserted", [.. staged, name]) : ("Refused", staged);
            case "unstage":
                return (staged.Contains(name).ToString(), [.. staged.Where(s => s != name)]);
            case "get":
                return (staged.Contains(name).ToString(), staged);
            case "count":
                return (staged.Length.ToString(), staged);
            default:
                return (string.Concat(staged), staged);
        }
    }

    public static bool HasAnOrder(IReadOnlyList<Seen> calls, int capacity)
    {
        var dead = new HashSet<(int Done, string Staged)>();
        return Search(0, []);

        bool Search(int done, string[] staged)
        {
            if (done == (1 << calls.Count) - 1)
                return true;
            if (!dead.Add((done, string.Concat(staged))))
                return false;
            // What has not begun when another returned comes after that other.
            long firstReturn = calls.Where((_, i) => (done & (1 << i)) == 0).Min(c => c.Returned);
            for (int i = 0; i < calls.Count; i++)
            {
                if ((done & (1 << i)) != 0 || calls[i].Began > firstReturn)
                    continue;
                (string result, string[] after) = Apply(calls[i].Call, staged, capacity);
                if (result == calls[i].Result && Search(done | (1 << i), after))
                    return true;
            }

            return false;
        }
    }
}
