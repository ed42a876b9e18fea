using System.Text.Json;

namespace Interop.Tests.Harness;

/// <summary>A peer in a process of its own, and all that it told so far.</summary>
/// <remarks>For one test, on one thread at a time.</remarks>
internal sealed class PeerProcess(LineProcess process, CancellationToken cancellationToken) : IAsyncDisposable
{
    /// <summary>Only a guard: what is waited for comes much sooner, or the test fails.</summary>
    private static readonly TimeSpan s_patience = Patience.Guard;

    private readonly List<JsonElement> _told = [];

    /// <summary>Everything it told, as far as it was read: <see cref="AskAsync"/> reads up to its answer.</summary>
    public IReadOnlyList<JsonElement> Told => _told;

    /// <summary>Asks, and waits for the answer: the next line that has this property.</summary>
    public async Task<JsonElement> AskAsync(object question, string answer)
    {
        int from = _told.Count;
        await process.SendAsync(JsonSerializer.Serialize(question), cancellationToken);
        return (await FindAsync(line => line.TryGetProperty(answer, out _), from)).GetProperty(answer);
    }

    /// <summary>Asks for something that is not answered, or not yet.</summary>
    public Task SendAsync(object question) => process.SendAsync(JsonSerializer.Serialize(question), cancellationToken);

    /// <summary>The first line from this one on that satisfies the condition; waits for it if need be.</summary>
    public async Task<JsonElement> FindAsync(Func<JsonElement, bool> wanted, int from = 0)
    {
        long start = TimeProvider.System.GetTimestamp();
        for (int i = from; ; i++)
        {
            TimeSpan left = s_patience - TimeProvider.System.GetElapsedTime(start);
            if (i == _told.Count)
                await ReceiveAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            if (wanted(_told[i]))
                return _told[i];
        }
    }

    /// <summary>Asks it to end by a signal, and waits until it has.</summary>
    public Task TerminateAsync() => process.TerminateAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => process.DisposeAsync();

    private async Task ReceiveAsync(TimeSpan atMost)
    {
        try
        {
            _told.Add(await process.ReceiveAsync(atMost, cancellationToken));
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} Before that it told {_told.Count} lines; the last: {string.Join(' ', _told.TakeLast(3))}", e);
        }
    }
}
