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

/// <summary>The problems there are now, one a subject, at most 64; more are not kept.</summary>
internal sealed class LanProblems(TimeProvider time)
{
    private const int Most = 64;

    private readonly ConcurrentDictionary<string, LanProblem> _problems = new();

    /// <summary>Told when a problem comes, and when it has gone; null for nobody.</summary>
    public StateLog? Log { get; set; }

    public IReadOnlyCollection<LanProblem> Now => [.. _problems.Values.OrderBy(problem => problem.Since)];

    public void Report(string subject, string message)
    {
        if (_problems.TryGetValue(subject, out LanProblem? known))
            _problems[subject] = known with { Message = message };
        else if (_problems.Count < Most)
            _problems[subject] = new LanProblem(subject, message, time.GetUtcNow());
        Log?.Enter(NameOf(subject), $"LAN: {message}");
    }

    public void Clear(string subject)
    {
        _problems.TryRemove(subject, out _);
        Log?.Leave(NameOf(subject));
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
