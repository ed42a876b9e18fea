namespace Ssb.Conn.Net;

/// <summary>A measure of how often something may happen: it fills with time, and each happening takes one token out.</summary>
/// <param name="rate">Tokens a second.</param>
/// <param name="burst">How many it holds; it begins full.</param>
/// <param name="debt">How far below zero attempts can push it, so that who keeps trying keeps waiting. 0: not at all.</param>
internal sealed class TokenBucket(double rate, double burst, double debt = 0)
{
    private readonly double _burst = burst;
    private double _tokens = burst;
    private TimeSpan? _filled;

    public bool TryTake(TimeSpan now)
    {
        if (now - _filled is { } since)
            _tokens = Math.Min(_burst, _tokens + since.TotalSeconds * rate);
        _filled = now;

        bool taken = _tokens >= 1;
        if (taken || _tokens - 1 >= -debt)
            _tokens--;
        return taken;
    }
}
