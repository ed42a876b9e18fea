namespace Ssb.Conn.Cli;

/// <summary>Counts what happens on the bench during one run. Thread-safe.</summary>
internal sealed class Tally
{
    private readonly Distinct _told = new();
    private long _staged, _refreshed, _refused, _expired, _evicted, _missed;

    public long Staged => Interlocked.Read(ref _staged);

    public long Refreshed => Interlocked.Read(ref _refreshed);

    /// <summary>Newcomers whose sender, or the whole bench, was full.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    public long Expired => Interlocked.Read(ref _expired);

    public long Evicted => Interlocked.Read(ref _evicted);

    /// <summary>Departures that came too fast to be counted by their reason.</summary>
    public long Missed => Interlocked.Read(ref _missed);

    /// <summary>How many different peers were staged.</summary>
    public string Seen => _told.ToString();

    /// <param name="key">Who was announced.</param>
    /// <param name="result">What the bench did; null if the announcement was weaker than what it knew already.</param>
    public void Count(string key, StageResult? result)
    {
        switch (result?.Outcome)
        {
            case StageOutcome.Inserted:
                Interlocked.Increment(ref _staged);
                _told.Add(key);
                break;
            case StageOutcome.Updated:
                Interlocked.Increment(ref _refreshed);
                break;
            case StageOutcome.Refused:
                Interlocked.Increment(ref _refused);
                break;
        }
    }

    public void Count(StagingEvent happened)
    {
        if (happened.Type == StagingEventType.Missed)
            Interlocked.Add(ref _missed, happened.Missed);
        else if (happened.Reason == UnstageReason.Expired)
            Interlocked.Increment(ref _expired);
        else if (happened.Reason == UnstageReason.Evicted)
            Interlocked.Increment(ref _evicted);
    }
}
