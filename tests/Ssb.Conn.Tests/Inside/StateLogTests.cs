using Microsoft.Extensions.Logging;
using Ssb.Conn.Simulator;
using Ssb.Conn.Tests.Db;

namespace Ssb.Conn.Tests.Inside;

/// <summary>One line when a fault begins, and one when it has ended.</summary>
public sealed class StateLogTests : IDisposable
{
    private readonly VirtualTime _time = new(Given.Start);
    private readonly LogLines _lines = new();
    private readonly StateLog _log;

    public StateLogTests() => _log = new StateLog(_lines, _time);

    public void Dispose() => _log.Dispose();

    [Fact]
    public void Enter_AgainAndAgain_IsToldOnceAndItsEndOnce()
    {
        for (int i = 0; i < 100; i++)
        {
            _log.Enter("port", "The port cannot be read.");
            _time.RunFor(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(["Warning: The port cannot be read."], _lines.All);
        _log.Leave("port");
        Assert.Single(_lines.All);
        _time.RunFor(StateLog.Settling);
        Assert.Equal("Information: port: it works again. It failed 100 times within 100 s.", _lines.All.Last());
        _log.Leave("port");
        _time.RunFor(10 * StateLog.Settling);
        Assert.Equal(2, _lines.Count);
    }

    [Fact]
    public void Enter_ComesAndGoes_IsOneFaultUntilItStaysAway()
    {
        for (int i = 0; i < 50; i++)
        {
            _log.Enter("port", "The port cannot be read.");
            _log.Leave("port");
            _time.RunFor(StateLog.Settling / 2);
        }

        Assert.Single(_lines.All);
        _time.RunFor(StateLog.Settling);
        Assert.Equal(2, _lines.Count);
    }

    [Fact]
    public void Happened_NobodyTellsItsEnd_EndsWhenItHasNotComeForAWhile()
    {
        for (int i = 0; i < 30; i++)
        {
            _log.Happened("callers", "Callers are refused.");
            _time.RunFor(StateLog.Settling / 3);
        }

        Assert.Single(_lines.All);
        _time.RunFor(StateLog.Settling);
        Assert.StartsWith("Information: callers: it works again. It failed 30 times", _lines.All.Last(), StringComparison.Ordinal);
        _log.Happened("callers", "Callers are refused.");
        Assert.Equal(3, _lines.Count);
    }

    [Fact]
    public void Enter_MoreSubjectsThanAreKept_AreNotTold()
    {
        for (int i = 0; i < 2 * StateLog.MostSubjects; i++)
            _log.Enter($"{i}", $"{i} does not work.");

        Assert.Equal(StateLog.MostSubjects, _lines.Count);
    }

    [Fact]
    public void Forget_SubjectThatFails_NextFailureIsANewOne()
    {
        _log.Enter("LAN", "There is no LAN.");
        _log.Forget("LAN");
        _log.Enter("LAN", "There is no LAN.");

        Assert.Equal(2, _lines.Count);
    }

    [Fact]
    public void ForgetAll_FullOfFaults_LeavesRoomAndTellsOfNoEnd()
    {
        for (int i = 0; i < StateLog.MostSubjects; i++)
            _log.Enter($"{i}", $"{i} does not work.");
        _log.ForgetAll();
        _log.Leave("0");
        _time.RunFor(2 * StateLog.Settling);
        Assert.Equal(StateLog.MostSubjects, _lines.Count);
        _log.Enter("LAN", "There is no LAN.");

        Assert.Equal("Warning: There is no LAN.", _lines.All.Last());
    }

    [Fact]
    public void Enter_LogThatFails_DoesNotThrow()
    {
        using var log = new StateLog(new FailingLogger(), _time);

        log.Enter("port", "The port cannot be read.");
    }
}

/// <summary>The logger of a host whose disk is full.</summary>
internal sealed class FailingLogger : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => throw new IOException("No space left on device");

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        throw new IOException("No space left on device");
}
