using System.Collections.Concurrent;

namespace Ssb.Conn.Net;

/// <summary>Something that does not work at the moment, while the rest goes on.</summary>
/// <param name="Subject">What: "UDP port 8008", "interface eth0".</param>
/// <param name="Message">Why, in a sentence for a person.</param>
/// <param name="Since">Since when.</param>
public sealed record LanProblem(string Subject, string Message, DateTimeOffset Since)
{
    /// <summary>The message, as it is shown to people.</summary>
    public override string ToString() => StrangerText.Show(Message);
}

/// <summary>The problems there are now, one a subject, at most 64; more are not kept, nor told to the log.</summary>
/// <remarks>The log has one line for a whole group, such as all interfaces: a machine may have more of them than the log tells apart, and
/// what they have is often the same. Some room is kept for subjects without a group.</remarks>
internal sealed class LanProblems(TimeProvider time)
{
    private const int Most = 64, MostInGroups = 48;

    private readonly ConcurrentDictionary<string, Entry> _problems = new();

    private sealed record Entry(LanProblem Problem, string? Group);

    /// <summary>Told when a problem comes, and when it has gone; null for nobody.</summary>
    public StateLog? Log { get; set; }

    public IReadOnlyCollection<LanProblem> Now => [.. _problems.Values.Select(entry => entry.Problem).OrderBy(problem => problem.Since)];

    /// <param name="subject">What does not work.</param>
    /// <param name="message">Why, in a sentence for a person.</param>
    /// <param name="group">What the log calls it, with all others of that group; null: by its subject.</param>
    public void Report(string subject, string message, string? group = null)
    {
        if (_problems.TryGetValue(subject, out Entry? known))
            _problems[subject] = known with { Problem = known.Problem with { Message = message } };
        else if (_problems.Count < (group is null ? Most : MostInGroups))
            _problems[subject] = new Entry(new LanProblem(subject, message, time.GetUtcNow()), group);
        else
            return;
        Log?.Enter(NameOf(group ?? subject), $"LAN: {message}");
    }

    public void Clear(string subject)
    {
        string? group = _problems.TryRemove(subject, out Entry? gone) ? gone.Group : null;
        if (group is null || _problems.Values.All(entry => entry.Group != group))
            Log?.Leave(NameOf(group ?? subject));
    }

    public void ClearAllBut(Func<string, bool> keep)
    {
        foreach (string subject in _problems.Keys)
        {
            if (!keep(subject))
                Clear(subject);
        }
    }

    private static string NameOf(string subject) => $"LAN, {subject}";
}
