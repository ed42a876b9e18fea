namespace Ssb.Conn.Net;

/// <summary>What a stranger may send below a protocol that throws some of it away: pongs, empty messages and headers of a WebSocket, HTTP
/// responses, empty TLS records.</summary>
/// <remarks>Not thread-safe; one reader uses it. Bytes that come take from an allowance, bytes that are of use give five times as much
/// back, and time gives a little. So an honest peer never meets the bound, whatever the overhead of its protocol, while one that sends
/// nothing of use is cut off soon. Nobody above sees such bytes: without a bound here they would keep a core busy, for as long as they
/// come.</remarks>
/// <param name="timeProvider">The clock.</param>
/// <param name="allowance">How many bytes may come in advance; <see cref="int.MaxValue"/> for no bound.</param>
/// <param name="exceeded">Called once if too many came.</param>
internal sealed class UsefulBytes(TimeProvider timeProvider, int allowance = UsefulBytes.Allowance, Action? exceeded = null)
{
    /// <summary>The allowance unless another is set. A TLS handshake and an HTTP response fit, with what buffers on the way hold: together
    /// less than 80 KiB.</summary>
    public const int Allowance = 128 * 1024;

    private const string Mark = nameof(UsefulBytes);
    private const int PerUsefulByte = 5;
    private const int PerSecond = 1_024;

    private double _left = allowance;
    private bool _isExceeded;
    private long _since = timeProvider.GetTimestamp();

    /// <summary>Bytes came.</summary>
    /// <exception cref="IOException">They are too many for what was of use among them.</exception>
    public void Came(int count)
    {
        if (allowance == int.MaxValue)
            return;
        long now = timeProvider.GetTimestamp();
        _left = Math.Min(allowance, _left + (timeProvider.GetElapsedTime(_since, now).TotalSeconds * PerSecond)) - count;
        _since = now;
        if (_left >= 0)
            return;
        if (!_isExceeded)
            exceeded?.Invoke();
        _isExceeded = true;
        throw new IOException($"The peer sent more than {allowance:N0} bytes that carry nothing, such as pongs.") { Data = { [Mark] = true } };
    }

    /// <summary>The exception of <see cref="Came"/>, if it is what caused another; else null.</summary>
    public static Exception? CauseOf(Exception? error)
    {
        while (error is not null && !error.Data.Contains(Mark))
            error = error.InnerException;
        return error;
    }

    /// <summary>So many of them were handed on.</summary>
    public void WereUseful(int count) => _left = Math.Min(allowance, _left + ((double)PerUsefulByte * count));
}
