using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>Writes one line to a log when a fault begins, and one when it has ended, however often it shows itself in between.</summary>
/// <remarks>Thread-safe. Bounded: of more than <see cref="MostSubjects"/> faults at a time the newest are not told. The log is written to
/// outside the lock.</remarks>
public sealed class StateLog : IDisposable
{
    /// <summary>How many faults are told apart.</summary>
    public const int MostSubjects = 64;

    /// <summary>A fault that is back within this time has not ended. Without it, one that comes and goes would fill the log.</summary>
    public static readonly TimeSpan Settling = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Fault> _faults = []; // under _gate
    private bool _isTimed, _isClosed; // under _gate

    /// <summary>A log of faults.</summary>
    /// <param name="logger">Where the lines are written. What it throws is dropped.</param>
    /// <param name="time">The clock.</param>
    public StateLog(ILogger logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentNullException.ThrowIfNull(time);
        (_logger, _time) = (SteadyLogger.Of(logger), time);
        // What flows with whoever made it is not to live as long as the log.
        using (ExecutionContext.IsFlowSuppressed() ? default(IDisposable?) : ExecutionContext.SuppressFlow())
            _timer = time.CreateTimer(static log => ((StateLog)log!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The event of the line that says that a fault has ended. Its level is information, unlike that of the fault.</summary>
    public static EventId Recovered { get; } = new(1, nameof(Recovered));

    /// <summary>A fault shows itself. It lasts until <see cref="Leave"/>.</summary>
    /// <param name="subject">What does not work: the same text each time.</param>
    /// <param name="message">What happens, in a sentence.</param>
    /// <param name="error">The cause, if there is one.</param>
    /// <param name="level">How bad it is.</param>
    public void Enter(string subject, string message, Exception? error = null, LogLevel level = LogLevel.Warning) =>
        Add(subject, message, error, level, isEvent: false);

    /// <summary>A fault shows itself that nobody tells the end of: it has ended once it has not come for <see cref="Settling"/>.</summary>
    /// <inheritdoc cref="Enter" path="/param"/>
    public void Happened(string subject, string message, Exception? error = null, LogLevel level = LogLevel.Warning) =>
        Add(subject, message, error, level, isEvent: true);

    /// <summary>It works. Cheap where there was no fault.</summary>
    public void Leave(string subject)
    {
        lock (_gate)
        {
            if (!_faults.TryGetValue(subject, out Fault? fault) || fault.QuietSince is not null)
                return;
            fault.QuietSince = _time.GetTimestamp();
            Arm_NeedsLock();
        }
    }

    /// <summary>Whether it works does not matter any more: nothing is told of it, and the next fault is a new one.</summary>
    public void Forget(string subject)
    {
        lock (_gate)
            _faults.Remove(subject);
    }

    /// <summary>Likewise for all subjects.</summary>
    public void ForgetAll()
    {
        lock (_gate)
            _faults.Clear();
    }

    /// <summary>Tells nothing any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            _faults.Clear();
        }

        _timer.Dispose();
    }

    private void Add(string subject, string message, Exception? error, LogLevel level, bool isEvent)
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            bool isNew = !_faults.TryGetValue(subject, out Fault? fault);
            if (fault is null)
            {
                if (_faults.Count >= MostSubjects)
                    return;
                _faults.Add(subject, fault = new Fault(_time.GetTimestamp()));
            }

            fault.Count++;
            fault.QuietSince = isEvent ? _time.GetTimestamp() : null;
            if (isEvent)
                Arm_NeedsLock();
            if (!isNew)
                return;
        }

        _logger.Log(level, error, "{Problem}", message);
    }

    private void Arm_NeedsLock()
    {
        if (_isTimed || _isClosed)
            return;
        _isTimed = true;
        _timer.Change(Settling, Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        List<(string Subject, Fault Fault)> ended = [];
        lock (_gate)
        {
            _isTimed = false;
            TimeSpan? wait = null;
            foreach ((string subject, Fault fault) in _faults)
            {
                if (fault.QuietSince is not { } since)
                    continue;
                TimeSpan left = Settling - _time.GetElapsedTime(since);
                if (left <= TimeSpan.Zero)
                    ended.Add((subject, fault));
                else if (wait is null || left < wait)
                    wait = left;
            }

            foreach ((string subject, _) in ended)
                _faults.Remove(subject);
            if (wait is { } next && !_isClosed)
            {
                _isTimed = true;
                _timer.Change(next, Timeout.InfiniteTimeSpan);
            }
        }

        foreach ((string subject, Fault fault) in ended)
        {
            TimeSpan lasted = _time.GetElapsedTime(fault.Since, fault.QuietSince!.Value); // it was quiet, or it would not have ended
            _logger.LogInformation(Recovered, "{Subject}: it works again. It failed {Count} within {Duration} s.", subject,
                fault.Count == 1 ? "once" : string.Create(CultureInfo.InvariantCulture, $"{fault.Count:N0} times"),
                Math.Ceiling(lasted.TotalSeconds).ToString(CultureInfo.InvariantCulture));
        }
    }

    private sealed class Fault(long since)
    {
        public long Since => since;

        public long Count { get; set; }

        /// <summary>Since when it has not shown itself; null while it lasts.</summary>
        public long? QuietSince { get; set; }
    }
}
