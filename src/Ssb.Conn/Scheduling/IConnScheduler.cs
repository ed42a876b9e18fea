namespace Ssb.Conn;

/// <summary>Decides by itself whom to connect to and disconnect from. Started and stopped by <see cref="ConnPlugin"/>.</summary>
/// <remarks>Implementations are thread-safe.</remarks>
public interface IConnScheduler
{
    /// <summary>Is it at work?</summary>
    bool IsRunning { get; }

    /// <summary>Begins; does nothing if it has begun.</summary>
    void Start();

    /// <summary>Ends; does nothing if it has not begun. Connections that stand are not its concern any more.</summary>
    void Stop();

    /// <summary>What it makes of a peer now.</summary>
    SchedulerOutlook Explain(ConnPeer peer);
}

/// <summary>What a scheduler makes of a peer.</summary>
/// <param name="Text">In words, such as <c>To be dialled as soon as a slot is free</c>; without a full stop.</param>
/// <param name="RetryAt">When it may be dialled, if that is to be waited for: not before, as things stand.</param>
public readonly record struct SchedulerOutlook(string Text, DateTimeOffset? RetryAt = null)
{
    /// <summary>By when it is dialled at the latest, as things stand; null if that is not known. Defaults to null.</summary>
    public DateTimeOffset? RetryBy { get; init; }

    /// <summary>Its place among those that wait to be dialled, from 1; null if it does not wait. Defaults to null.</summary>
    public int? Place { get; init; }
}
