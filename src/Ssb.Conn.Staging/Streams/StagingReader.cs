using System.Threading.Tasks.Sources;

namespace Ssb.Conn;

/// <summary>A stream of the pool, and once enumerated the reader of it. The pool knows it only while it waits.</summary>
internal abstract class StagingReader : IThreadPoolWorkItem
{
    // The next three belong to ReaderQueue, and are guarded by the lock of the pool.
    public StagingReader? PreviousWaiting { get; set; }

    public StagingReader? NextWaiting { get; set; }

    public long WaitingSince { get; set; }

    /// <summary>Wakes a chain of readers, on other threads than the caller's.</summary>
    public static void Wake(StagingReader? chain)
    {
        if (chain is not null)
            ThreadPool.UnsafeQueueUserWorkItem(chain, preferLocal: false);
    }

    public abstract void Execute();
}

/// <summary>What every stream of the pool has in common: it is read once, ends with the pool, and may be cancelled,
/// disposed or dropped at any time.</summary>
internal abstract class StagingReader<T>(ConnStaging pool, CancellationToken streamToken)
    : StagingReader, IAsyncEnumerable<T>, IAsyncEnumerator<T>, IValueTaskSource<bool>
{
    private enum State
    {
        Created,
        Idle, // between two calls of MoveNextAsync
        Waiting, // in the queue of the pool, or about to run
        Disposed,
    }

    // Completed on a thread-pool thread that does nothing else, so the reader goes on right there.
    private ManualResetValueTaskSourceCore<bool> _wait;
    private volatile State _state;
    private volatile bool _isDisposing;
    private int _isEnumerated;
    private CancellationToken _token = streamToken;
    private CancellationTokenSource? _linked;
    private CancellationTokenRegistration _registration;
    private T? _current;

#pragma warning disable MA0055 // nothing else can tell that a reader was dropped without being disposed
    ~StagingReader()
#pragma warning restore MA0055
    {
        // A stream that was never enumerated counts for nothing.
        if (_state is State.Idle or State.Waiting)
            Release();
    }

    public T Current => _current!; // set before MoveNextAsync says true

    protected ConnStaging Pool => pool;

    /// <summary>Does the item just read tell that the reader had lagged?</summary>
    protected bool HasLagged { private get; set; }

    public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _isEnumerated, 1) != 0)
            throw new InvalidOperationException("This stream was enumerated before; ask the pool for another.");
        if (!_token.CanBeCanceled)
            _token = cancellationToken;
        else if (cancellationToken.CanBeCanceled && cancellationToken != _token)
            _token = (_linked = CancellationTokenSource.CreateLinkedTokenSource(_token, cancellationToken)).Token;
        _state = State.Idle;
        pool.CountReader(+1);
        // Weakly, so that a token that lives long does not keep a reader that was dropped.
        if (_token.CanBeCanceled)
            _registration = _token.UnsafeRegister(static reader => (((WeakReference)reader!).Target as StagingReader<T>)?.EndWaiting(), new WeakReference(this));
        return this;
    }

    public ValueTask<bool> MoveNextAsync()
    {
        if (_token.IsCancellationRequested)
            return ValueTask.FromCanceled<bool>(_token);
        if (_state == State.Disposed)
            return ValueTask.FromResult(false);
        if (_state == State.Waiting)
            throw new InvalidOperationException("The call before has not completed.");
        if (TryReadOn(out _current))
            return ValueTask.FromResult(true);
        bool isClosed = pool.IsClosed; // asked first: what came before the end is still told
        if (HasNews && TryReadLocked())
        {
            CountLag();
            return ValueTask.FromResult(true);
        }

        if (isClosed)
            return ValueTask.FromResult(false);
        _wait.Reset();
        if (Interlocked.CompareExchange(ref _state, State.Waiting, State.Idle) != State.Idle)
            return ValueTask.FromResult(false); // it was disposed meanwhile

        // It looks once more, after whatever else the thread pool has to do, before it waits to be woken: while changes come
        // fast, nobody who stages has to wake it, nor meets it at the lock.
        Wake(this);
        return new ValueTask<bool>(this, _wait.Version);

        bool TryReadLocked()
        {
            lock (pool.Gate)
                return TryRead(out _current);
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (pool.Gate)
        {
            if (_isDisposing || _state == State.Created) // it counts for nothing before it is enumerated
                return default;
            _isDisposing = true;
        }

        // Either this sees Waiting, or Execute sees that it is being disposed.
        Interlocked.MemoryBarrier();
        if (_state != State.Waiting)
            _state = State.Disposed;
        EndWaiting();
        Release();
        GC.SuppressFinalize(this);
        return default;
    }

    public override void Execute()
    {
        // The chain that it was taken with is this round's alone, and needs no lock.
        StagingReader? next = NextWaiting;
        (PreviousWaiting, NextWaiting) = (null, null);
        bool isCanceled = false;
        bool hasItem = !_isDisposing && !_token.IsCancellationRequested && TryReadOn(out _current);
        bool goesOn = hasItem;
        if (!hasItem)
        {
            lock (pool.Gate)
            {
                isCanceled = !_isDisposing && _token.IsCancellationRequested;
                hasItem = !_isDisposing && !isCanceled && TryRead(out _current);
                goesOn = hasItem || isCanceled || _isDisposing || pool.IsClosed;
                if (!goesOn)
                    pool.Waiting.Add(this); // woken for something it does not read, such as an update
            }
        }

        Wake(next);
        if (!goesOn)
            return;
        CountLag();
        Interlocked.Exchange(ref _state, State.Idle);
        if (_isDisposing)
            _state = State.Disposed;
        if (isCanceled)
            _wait.SetException(new OperationCanceledException(_token));
        else
            _wait.SetResult(hasItem);
    }

    public bool GetResult(short token) => _wait.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _wait.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    /// <summary>Takes the next item, under the lock of the pool; also when the pool has closed.</summary>
    /// <returns>false when there is none now.</returns>
    protected abstract bool TryRead(out T? item);

    /// <summary>May there be something to read? Asked without the lock.</summary>
    protected abstract bool HasNews { get; }

    /// <summary>Takes the next item without the lock, if that is possible.</summary>
    protected virtual bool TryReadOn(out T? item)
    {
        item = default;
        return false;
    }

    // Not under the lock: who measures is foreign code.
    private void CountLag()
    {
        if (!HasLagged)
            return;
        HasLagged = false;
        StagingMetrics.CountLag();
    }

    private void EndWaiting()
    {
        StagingReader? self;
        lock (pool.Gate)
            self = _state == State.Waiting ? pool.Waiting.Take(this) : null;
        Wake(self);
    }

    private void Release()
    {
        pool.CountReader(-1);
        _registration.Unregister();
        _linked?.Dispose();
    }
}
