using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ssb.Conn;

/// <summary>A log that never fails: the logger of a host whose disk is full, say, throws to whoever writes a line, and so would end what
/// runs for the life of the peer.</summary>
public sealed class SteadyLogger : ILogger
{
    private readonly ILogger _logger;

    private SteadyLogger(ILogger logger) => _logger = logger;

    /// <summary>A log that writes to another one and drops what that throws; the other one itself if it never fails.</summary>
    public static ILogger Of(ILogger logger) => logger is SteadyLogger or NullLogger ? logger : new SteadyLogger(logger);

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => _logger.BeginScope(state);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return _logger.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            return false; // there is nobody to tell it to
        }
    }

    /// <inheritdoc/>
    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            _logger.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception)
        {
            // Likewise.
        }
    }
}
