namespace Ssb.Conn.Staging.Tests;

/// <summary>Reads a stream step by step. A guard ends a wait that would hang; it is generous, and no result depends on it.</summary>
internal sealed class Reading<T>(IAsyncEnumerable<T> stream, CancellationToken cancellationToken = default) : IAsyncDisposable
{
    private readonly IAsyncEnumerator<T> _enumerator = stream.GetAsyncEnumerator(cancellationToken);

    /// <summary>Asks for the next item; completes when it is there.</summary>
    public async Task<T> Next()
    {
        Assert.True(await Moved(), "The stream has ended.");
        return _enumerator.Current;
    }

    public async Task<T[]> Next(int count)
    {
        var items = new T[count];
        for (int i = 0; i < count; i++)
            items[i] = await Next();
        return items;
    }

    public async Task Ends() => Assert.False(await Moved(), "The stream goes on.");

    public async Task<T[]> Rest()
    {
        var items = new List<T>();
        while (await Moved())
            items.Add(_enumerator.Current);
        return [.. items];
    }

    /// <summary>Starts to wait, as a reader does who has read all.</summary>
    public Task<bool> Wait()
    {
        Task<bool> waiting = _enumerator.MoveNextAsync().AsTask();
        Assert.False(waiting.IsCompleted, "There was something to read.");
        return waiting;
    }

    public T Current => _enumerator.Current;

    public ValueTask DisposeAsync() => _enumerator.DisposeAsync();

    private Task<bool> Moved() => _enumerator.MoveNextAsync().AsTask().Guarded();
}

internal static class Guards
{
    private static readonly TimeSpan s_guard = Patience.Guard;

    public static Task<T> Guarded<T>(this Task<T> task) => task.WaitAsync(s_guard, TestContext.Current.CancellationToken);

    public static Task Guarded(this Task task) => task.WaitAsync(s_guard, TestContext.Current.CancellationToken);

    /// <summary>Waits for what another thread does, without a step of time of its own.</summary>
    public static void Until(Func<bool> condition) => Patience.Until(condition);

    public static Reading<T> Read<T>(this IAsyncEnumerable<T> stream, CancellationToken cancellationToken = default) => new(stream, cancellationToken);
}
