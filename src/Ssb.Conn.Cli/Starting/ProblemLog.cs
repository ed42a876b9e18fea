using Microsoft.Extensions.Logging;

namespace Ssb.Conn.Cli.Starting;

/// <summary>Hands warnings and errors to a person, one sentence each, and that one of them is over.</summary>
internal sealed class ProblemLog(Action<string> tell) : ILogger
{
    /// <summary>Hands one over.</summary>
    public void Tell(string problem) => tell(problem);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel) || eventId == StateLog.Recovered)
            tell(exception is null ? formatter(state, exception) : $"{formatter(state, exception)} ({FailureText.Of(exception)})");
    }
}
