namespace Ssb.Conn;

/// <summary>One thing that happened to a peer.</summary>
/// <param name="At">When.</param>
/// <param name="What">What: <c>staged</c>, <c>refused</c>, <c>unstaged</c>, <c>connecting</c>, <c>connecting-failed</c>, <c>connected</c>,
/// <c>disconnected</c>, <c>dismissed</c> and so on.</param>
/// <param name="Reason">Why, or by which rule.</param>
/// <param name="Address">The address that it happened to; null when it was about the identity.</param>
/// <param name="Source">Who told, where somebody did.</param>
public sealed record PeerNote(DateTimeOffset At, string What, string Reason, MultiserverAddress? Address, string? Source)
{
    /// <summary>In words, on one line: the address masked, and strangers' text as it is shown to people.</summary>
    public override string ToString() => Line(withAddress: true);

    internal string Line(bool withAddress)
    {
        string told = Source is null ? "" : $" (told of by {Source})";
        string address = Address is not null && withAddress ? $", {Address}" : "";
        // The words of a rule begin with what was decided, such as "blocked until ...".
        string what = Reason.StartsWith(What, StringComparison.Ordinal) ? "" : $"{What}: ";
        return StrangerText.Show($"{At:u} {what}{Address?.Hide(Reason) ?? Reason}{told}{address}", WhyReport.LongestLine);
    }
}

/// <summary>What happened to peers of late: the last few things for each, of the last few thousand peers. Thread-safe.</summary>
internal sealed class PeerHistory(int peers, int notes)
{
    private static long s_order; // of all notes of all histories, so that those of two can be put in order

    private readonly Lock _gate = new();
    private readonly Dictionary<PeerTarget, Subject> _subjects = [];

    // The subjects in the order of their last note: the least recent goes first.
    private Subject? _oldest;
    private Subject? _newest;

    /// <param name="subject">The peer, or an address that names none.</param>
    /// <param name="note">What happened.</param>
    public void Add(PeerTarget subject, PeerNote note)
    {
        lock (_gate)
        {
            if (_subjects.TryGetValue(subject, out Subject? known))
            {
                Unlink_NeedsLock(known);
            }
            else
            {
                if (_subjects.Count >= peers)
                {
                    _subjects.Remove(_oldest!.Name); // with one subject or more there is an oldest
                    Unlink_NeedsLock(_oldest);
                }

                _subjects.Add(subject, known = new Subject(subject));
            }

            // What happens again and again, such as the refusal of a peer that announces itself, is one note with its latest time.
            if (known.Notes is [.., (var last, _)] && (last with { At = note.At }) == note)
                known.Notes.RemoveAt(known.Notes.Count - 1);
            else if (known.Notes.Count >= notes)
                known.Notes.RemoveAt(0);
            known.Notes.Add((note, Interlocked.Increment(ref s_order)));
            Link_NeedsLock(known);
        }
    }

    /// <summary>What happened to a peer, the earliest first, and when in the order of all that happened.</summary>
    public IReadOnlyList<(PeerNote Note, long Order)> Of(PeerTarget subject)
    {
        lock (_gate)
            return _subjects.TryGetValue(subject, out Subject? known) ? [.. known.Notes] : [];
    }

    private void Link_NeedsLock(Subject subject)
    {
        (subject.Previous, subject.Next) = (_newest, null);
        if (_newest is not null)
            _newest.Next = subject;
        _newest = subject;
        _oldest ??= subject;
    }

    private void Unlink_NeedsLock(Subject subject)
    {
        if (subject.Previous is { } previous)
            previous.Next = subject.Next;
        else
            _oldest = subject.Next;
        if (subject.Next is { } next)
            next.Previous = subject.Previous;
        else
            _newest = subject.Previous;
    }

    private sealed class Subject(PeerTarget name)
    {
        public PeerTarget Name { get; } = name;

        public List<(PeerNote Note, long Order)> Notes { get; } = new(2);

        public Subject? Previous { get; set; }

        public Subject? Next { get; set; }
    }
}
