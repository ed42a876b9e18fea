using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Ssb.Wire.Tests.Faults;

/// <summary>Looks for what sessions leave behind: connections, and exceptions that nobody saw.</summary>
/// <remarks>It sees the whole process, so that tests which use it run alone.</remarks>
internal sealed class Aftermath : IDisposable
{
    private readonly ConcurrentBag<WeakReference> _connections = [];
    private readonly ConcurrentQueue<Exception> _unobserved = [];
    private readonly MeterListener _meter = new();
    private long _opened;
    private long _closed;

    public Aftermath()
    {
        TaskScheduler.UnobservedTaskException += Unobserved;
        _meter.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "Ssb.Wire", Name: "ssb.wire.rpc.connections" })
                listener.EnableMeasurementEvents(instrument);
        };
        _meter.SetMeasurementEventCallback<long>((_, by, _, _) => Interlocked.Add(ref by > 0 ? ref _opened : ref _closed, Math.Abs(by)));
        _meter.Start();
    }

    public void Dispose()
    {
        TaskScheduler.UnobservedTaskException -= Unobserved;
        _meter.Dispose();
    }

    public void Watch(Session.Side side)
    {
        if (side.Connection is { } connection)
            _connections.Add(connection);
    }

    /// <summary>Fails if something is left.</summary>
    public async Task AssertCleanAsync()
    {
        for (int i = 0; i < 1_000 && _connections.Any(c => c.IsAlive); i++)
        {
            await Task.Yield(); // away from the stack of the session that ended last
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Empty(_unobserved);
        Assert.Equal(0, _connections.Count(c => c.IsAlive));
        Assert.NotEmpty(_connections);
        Assert.Equal(_connections.Count, Interlocked.Read(ref _opened));
        Assert.Equal(_connections.Count, Interlocked.Read(ref _closed));
    }

    private void Unobserved(object? sender, UnobservedTaskExceptionEventArgs e) => _unobserved.Enqueue(e.Exception);
}
