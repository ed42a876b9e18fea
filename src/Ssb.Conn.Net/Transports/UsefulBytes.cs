namespace Ssb.Conn.Net;

/// <summary>What a stranger may send below a protocol that throws some of it away: pongs, empty messages and headers of a WebSocket, HTTP
/// responses, empty TLS records.</summary>
/// <remarks>Not thread-safe; one reader uses it. Bytes that come take from an allowance, bytes that are of use give five times as much
/// back, and time gives a little. So an honest peer never meets the bound, whatever the overhead of its protocol, while one that sends
/// nothing of use is cut off soon. Nobody above sees such bytes: without a bound here they would keep a core busy, for as long as they
/// come.</remarks>
internal sealed class UsefulBytes(TimeProvider timeProvider)
{
    /// <summary>How many bytes may come in advance. A TLS handshake and an HTTP response fit, with what buffers on the way hold: together
    /// less than 80 KiB.</summary>
    public const int Allowance = 128 * 1024;

    private const int PerUsefulByte = 5;
    private const int PerSecond = 1_024;

    private double _left = Allowance;
    private long _since = timeProvider.GetTimestamp();

    /// <summary>Bytes came.</summary>
    /// <exception cref="IOException">They are too many for what was of use among them.</exception>
    public void Came(int count)
    {
        long now = timeProvider.GetTimestamp();
        _left = Math.Min(Allowance, _left + (timeProvider.GetElapsedTime(_since, now).TotalSeconds * PerSecond)) - count;
        _since = now;
        if (_left < 0)
            throw new IOException($"The peer sent more than {Allowance:N0} bytes that carry nothing, such as pongs.");
    }

    /// <summary>So many of them were handed on.</summary>
    public void WereUseful(int count) => _left = Math.Min(Allowance, _left + ((double)PerUsefulByte * count));
}
