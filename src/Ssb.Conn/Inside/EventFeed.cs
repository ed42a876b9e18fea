using System.Runtime.CompilerServices;

namespace Ssb.Conn;

/// <summary>The last events, for all readers; a reader is a position in them, and nothing that the feed knows of, so who is dropped costs
/// nothing. Bounded: a reader that lags by more than its capacity is told how many it missed.</summary>
/// <remarks>Thread-safe. The order of events is that of the calls of <see cref="Append"/>, which the owner makes under its own lock. Readers
/// run elsewhere.</remarks>
internal sealed class EventFeed<T>(int capacity, Func<long, T> missed)
    where T : class
{
    private readonly Lock _gate = new();
    private readonly T?[] _ring = new T?[capacity];
    private long _head; // how many there were
    private long _published; // how many of them readers may see
    private bool _isEnded;
    private TaskCompletionSource? _news;

    /// <summary>Adds an event, which readers see at once, or else at the next <see cref="Publish"/>.</summary>
    public void Append(T item, bool publish = true)
    {
        TaskCompletionSource? news = null;
        lock (_gate)
        {
            if (_isEnded)
                return;
            _ring[_head++ % capacity] = item;
            if (publish)
                news = Publish_NeedsLock();
        }

        news?.TrySetResult();
    }

    public void Publish()
    {
        TaskCompletionSource? news;
        lock (_gate)
            news = Publish_NeedsLock();
        news?.TrySetResult();
    }

    /// <summary>Readers end once they have read what is there.</summary>
    public void End()
    {
        TaskCompletionSource? news;
        lock (_gate)
        {
            _isEnded = true;
            news = Publish_NeedsLock();
        }

        news?.TrySetResult();
    }

    /// <summary>The events from this call on.</summary>
    public IAsyncEnumerable<T> Read(CancellationToken cancellationToken)
    {
        long position; // now, not when the reader begins
        lock (_gate)
            position = _published;
        return new OnceStream<T>(token => ReadFrom(position, token), cancellationToken);
    }

    private async IAsyncEnumerable<T> ReadFrom(long position, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            T item;
            Task? news = null;
            lock (_gate)
            {
                long tail = Math.Max(0, _head - capacity);
                if (position < tail)
                {
                    item = missed(tail - position);
                    position = tail;
                }
                else if (position < _published)
                {
                    item = _ring[position++ % capacity]!; // between the tail and what is published every place is filled
                }
                else
                {
                    if (_isEnded)
                        yield break;
                    _news ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    (item, news) = (null!, _news.Task);
                }
            }

            if (news is null)
                yield return item;
            else
                await news.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private TaskCompletionSource? Publish_NeedsLock()
    {
        if (_published == _head && !_isEnded)
            return null;
        _published = _head;
        TaskCompletionSource? news = _news;
        _news = null;
        return news;
    }
}

/// <summary>A stream that can be enumerated once; who does it again is told.</summary>
internal sealed class OnceStream<T>(Func<CancellationToken, IAsyncEnumerable<T>> read, CancellationToken streamToken) : IAsyncEnumerable<T>
{
    private int _isEnumerated;

    public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _isEnumerated, 1) != 0)
            throw new InvalidOperationException("This stream was enumerated before; ask for another.");
        if (!streamToken.CanBeCanceled || !cancellationToken.CanBeCanceled || streamToken == cancellationToken)
            return read(streamToken.CanBeCanceled ? streamToken : cancellationToken).GetAsyncEnumerator(CancellationToken.None);
        return ReadLinkedAsync(cancellationToken).GetAsyncEnumerator(CancellationToken.None);
    }

    private async IAsyncEnumerable<T> ReadLinkedAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(streamToken, cancellationToken);
        await foreach (T item in read(both.Token).ConfigureAwait(false))
            yield return item;
    }
}

/// <summary>The newest state, whenever there is a newer one: who is slow skips to it. A reader is a number, and nothing that the owner
/// knows of.</summary>
internal sealed class StateFeed
{
    private readonly Lock _gate = new();
    private long _version;
    private bool _isEnded;
    private TaskCompletionSource? _news;

    public void Changed() => Tell(isEnd: false);

    public void End() => Tell(isEnd: true);

    /// <param name="gate">The owner's lock, under which it calls <see cref="Changed"/>.</param>
    /// <param name="state">Gives the newest state, under that lock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public IAsyncEnumerable<T> Read<T>(Lock gate, Func<T> state, CancellationToken cancellationToken) =>
        new OnceStream<T>(token => ReadAsync(gate, state, token), cancellationToken);

    private async IAsyncEnumerable<T> ReadAsync<T>(Lock gate, Func<T> state, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long seen = -1;
        while (true)
        {
            bool isNew;
            Task? news = null;
            lock (_gate)
            {
                if (_isEnded)
                    yield break;
                isNew = _version != seen;
                if (!isNew)
                    news = (_news ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            if (isNew)
                yield return Newest();
            else
                await news!.WaitAsync(cancellationToken).ConfigureAwait(false); // set unless it is new
        }

        // State and version of the same moment, or the same state could come twice.
        T Newest()
        {
            lock (gate)
            {
                lock (_gate)
                    seen = _version;
                return state();
            }
        }
    }

    private void Tell(bool isEnd)
    {
        TaskCompletionSource? news;
        lock (_gate)
        {
            _version++;
            _isEnded |= isEnd;
            (news, _news) = (_news, null);
        }

        news?.TrySetResult();
    }
}
