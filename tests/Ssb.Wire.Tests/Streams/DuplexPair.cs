using System.Runtime.InteropServices;

namespace Ssb.Wire.Tests;

/// <summary>Two streams in memory that are each other's other end, as the two ends of a socket are.</summary>
/// <remarks>What was written before an end was disposed can still be read at the other one, which then reads the end; its writes fail.</remarks>
internal sealed class DuplexPair : IDisposable
{
    /// <param name="capacity">How many bytes a direction holds before its writer has to wait.</param>
    /// <param name="heedsCancellation">false for streams whose reads and writes ignore their token, as some do.</param>
    public DuplexPair(int capacity = int.MaxValue, bool heedsCancellation = true)
    {
        Pipe there = new(capacity), back = new(capacity);
        (A, B) = (new End(back, there, heedsCancellation), new End(there, back, heedsCancellation));
    }

    public End A { get; }

    public End B { get; }

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }

    /// <summary>One end.</summary>
    internal sealed class End(Pipe incoming, Pipe outgoing, bool heedsCancellation) : Stream
    {
        public bool IsDisposed { get; private set; }

        /// <summary>All that was written here so far.</summary>
        public byte[] Written => outgoing.History;

        /// <summary>Ends when this many bytes were written here.</summary>
        public Task WroteAsync(int count) => outgoing.HeldAsync(count);

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            incoming.ReadAsync(buffer, Heeded(cancellationToken));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            outgoing.WriteAsync(buffer, Heeded(cancellationToken));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            incoming.CloseReader();
            outgoing.CloseWriter();
            base.Dispose(disposing);
        }

        private CancellationToken Heeded(CancellationToken cancellationToken) => heedsCancellation ? cancellationToken : CancellationToken.None;
    }

    /// <summary>One direction.</summary>
    internal sealed class Pipe(int capacity)
    {
        private readonly Lock _gate = new();
        private readonly List<byte> _history = [];
        private int _read;
        private bool _readerClosed;
        private bool _writerClosed;
        private TaskCompletionSource _changed = NewSignal();

        public byte[] History
        {
            get
            {
                lock (_gate)
                    return [.. _history];
            }
        }

        public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
        {
            while (true)
            {
                Task change;
                lock (_gate)
                {
                    ObjectDisposedException.ThrowIf(_readerClosed, this);
                    cancellationToken.ThrowIfCancellationRequested();
                    int count = Math.Min(buffer.Length, _history.Count - _read);
                    if (count > 0 || _writerClosed || (buffer.IsEmpty && _history.Count > _read))
                    {
                        CollectionsMarshal.AsSpan(_history).Slice(_read, count).CopyTo(buffer.Span);
                        _read += count;
                        Signal();
                        return count;
                    }

                    change = _changed.Task;
                }

                await change.WaitAsync(cancellationToken);
            }
        }

        public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            while (true)
            {
                Task change;
                lock (_gate)
                {
                    ObjectDisposedException.ThrowIf(_writerClosed, this);
                    cancellationToken.ThrowIfCancellationRequested();
                    if (_readerClosed)
                        throw new IOException("The other end is closed.");

                    int count = Math.Min(bytes.Length, capacity - (_history.Count - _read));
                    _history.AddRange(bytes.Span[..count]);
                    bytes = bytes[count..];
                    Signal();
                    if (bytes.IsEmpty)
                        return;
                    change = _changed.Task;
                }

                await change.WaitAsync(cancellationToken);
            }
        }

        public async Task HeldAsync(int count)
        {
            while (true)
            {
                Task change;
                lock (_gate)
                {
                    if (_history.Count >= count)
                        return;
                    change = _changed.Task;
                }

                await change.WaitAsync(Wait.Guard);
            }
        }

        public void CloseReader()
        {
            lock (_gate)
            {
                _readerClosed = true;
                Signal();
            }
        }

        public void CloseWriter()
        {
            lock (_gate)
            {
                _writerClosed = true;
                Signal();
            }
        }

        private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

        private void Signal()
        {
            _changed.SetResult();
            _changed = NewSignal();
        }
    }
}

/// <summary>Waiting in tests.</summary>
internal static class Wait
{
    /// <summary>Only a guard: what is waited for comes much sooner, or the test fails.</summary>
    public static readonly TimeSpan Guard = Patience.Guard;

    public static Task<T> Guarded<T>(this Task<T> task) => task.WaitAsync(Guard);

    public static Task Guarded(this Task task) => task.WaitAsync(Guard);

    public static Task<T> Guarded<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Guard);

    public static Task Guarded(this ValueTask task) => task.AsTask().WaitAsync(Guard);
}
