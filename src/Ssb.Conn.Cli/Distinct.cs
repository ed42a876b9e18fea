namespace Ssb.Conn.Cli;

/// <summary>Counts different peers. Thread-safe.</summary>
internal sealed class Distinct
{
    // Told apart up to this many; their number is then "10,000+".
    private const int Most = 10_000;

    private readonly Lock _gate = new();
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private bool _hasMore;

    /// <summary>How many, as far as they are told apart.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _seen.Count;
        }
    }

    public void Add(string key)
    {
        lock (_gate)
        {
            if (_seen.Count < Most)
                _ = _seen.Add(key);
            else
                _hasMore |= !_seen.Contains(key);
        }
    }

    /// <summary>How many, for a person.</summary>
    public override string ToString()
    {
        lock (_gate)
            return $"{_seen.Count:N0}{(_hasMore ? "+" : "")}";
    }
}
