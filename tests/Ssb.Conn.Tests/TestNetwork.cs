using System.Threading.Channels;

namespace Ssb.Conn.Tests;

/// <summary>A network that does what a test says: dials wait until the test decides, or are decided by a rule.</summary>
internal sealed class TestNetwork : IPeerNetwork
{
    // Who takes callers in goes on at once: a test that advances the clock after a call finds the caller taken in.
    private readonly Channel<TestConnection> _callers = Channel.CreateUnbounded<TestConnection>(new UnboundedChannelOptions { AllowSynchronousContinuations = true });
    private readonly List<TestDial> _dials = [];

    /// <summary>Decides each dial at once; null leaves it to the test. Throws what the dial is to throw.</summary>
    public Func<MultiserverAddress, TestConnection?>? Answer { get; set; }

    /// <summary>Says why an address can never be dialled, and is told whether an owner named it; null for none.</summary>
    public Func<MultiserverAddress, bool, string?>? Problem { get; set; }

    public Func<FeedId, bool>? IsWelcome { get; private set; }

    public List<TestConnection> Connections { get; } = [];

    public IReadOnlyList<TestDial> Dials
    {
        get
        {
            lock (_dials)
                return [.. _dials];
        }
    }

    public string? ProblemOf(MultiserverAddress address, bool isFromOwner) => Problem?.Invoke(address, isFromOwner);

    public Task<IPeerConnection> DialAsync(PeerDial given, CancellationToken cancellationToken)
    {
        MultiserverAddress address = given.Address;
        var dial = new TestDial(given, cancellationToken);
        lock (_dials)
            _dials.Add(dial);
        try
        {
            if (Answer?.Invoke(address) is { } connection)
            {
                lock (Connections)
                    Connections.Add(connection);
                dial.Done.SetResult(connection);
            }
        }
        catch (ConnectFailedException e)
        {
            dial.Done.SetException(e);
        }

        return dial.Done.Task;
    }

    public async IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IsWelcome = isWelcome;
        await foreach (TestConnection caller in _callers.Reader.ReadAllAsync(cancellationToken))
            yield return caller;
    }

    /// <summary>A peer calls.</summary>
    /// <returns>null if it was not welcome.</returns>
    public TestConnection? Call(int peer, string? address = null)
    {
        var connection = new TestConnection(Given.FeedId(peer), MultiserverAddress.Parse(address ?? $"net:10.9.0.{peer}:50000~shs:{Given.Base64(peer)}"));
        return IsWelcome!(connection.FeedId) && _callers.Writer.TryWrite(connection) ? connection : null;
    }
}

internal sealed class TestDial(PeerDial given, CancellationToken token)
{
    public PeerDial Given => given;

    public MultiserverAddress Address => given.Address;

    public CancellationToken Token => token;

    public TaskCompletionSource<IPeerConnection> Done { get; } = new();

    public TestConnection Succeed(FeedId? feedId = null)
    {
        var connection = new TestConnection(feedId ?? Address.FeedId!.Value, Address);
        Done.SetResult(connection);
        return connection;
    }

    public void Fail(string message) => Done.SetException(new ConnectFailedException(message));
}

internal sealed class TestConnection(FeedId feedId, MultiserverAddress address) : IPeerConnection
{
    private readonly TaskCompletionSource _closed = new();

    public FeedId FeedId => feedId;

    public MultiserverAddress Address => address;

    public Task Closed => _closed.Task;

    public PeerPing? Ping
    {
        get => PingError is { } error ? throw error : field;
        set;
    }

    /// <summary>What asking for the ping throws.</summary>
    public Exception? PingError { get; set; }

    /// <summary>Why it ended, once it has.</summary>
    public string? EndReason { get; set; }

    /// <summary>How often it was asked whether the peer is still there.</summary>
    public int Probes { get; private set; }

    public bool HasCloseBeenCalled { get; private set; }

    /// <summary>What closing throws; then the connection stands.</summary>
    public Exception? CloseError { get; set; }

    /// <summary>Closing waits for it.</summary>
    public Task? CloseTakes { get; set; }

    /// <summary>Does the other side agree to keep this connection alone?</summary>
    public bool Agrees { get; set; }

    /// <summary>How often it was asked that.</summary>
    public int Asked { get; private set; }

    public void Probe() => Probes++;

    public Task<bool> AgreeToKeepAsync(CancellationToken cancellationToken)
    {
        Asked++;
        return Task.FromResult(Agrees);
    }

    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        HasCloseBeenCalled = true;
        if (CloseTakes is { } task)
            await task;
        if (CloseError is { } error)
            throw error;
        _closed.TrySetResult();
    }

    /// <summary>The other side, or the network, ends it.</summary>
    public void End() => _closed.TrySetResult();
}
