using System.Diagnostics;
using System.Reflection;
using System.Threading.Tasks.Sources;

namespace Ssb.Wire.Tests;

/// <summary>What a packet costs once a stream has warmed up.</summary>
[Collection(nameof(Alone))]
public class BoxStreamAllocationTests
{
    private const int Count = 1_000;

    // An unoptimised build makes an object of every call of an async method; a buffer or an array would show even then.
    private static readonly long s_most =
        typeof(BoxStream).Assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true } ? 1_000 : 0;

    private readonly byte[] _plain = Sealed.Pattern(BoxStream.MaxPacketSize);
    private readonly byte[] _read = new byte[BoxStream.MaxPacketSize];

    [Fact]
    public void WriteAndRead_SteadyState_AllocatesNothing()
    {
        using BoxStream box = Sealed.Over(new Loop());
        Assert.InRange(BytesPer(() =>
        {
            Run(box.WriteAsync(_plain));
            Assert.True(_plain.Length == Result(box.ReadAsync(_read))); // Assert.Equal would allocate
        }), 0, s_most);
    }

    [Fact]
    public void ReadThatWaits_SteadyState_AllocatesNothing()
    {
        using BoxStream box = Sealed.Over(new Loop());
        Assert.InRange(BytesPer(() =>
        {
            ValueTask<int> reading = box.ReadAsync(_read);
            Assert.False(reading.IsCompleted);
            Run(box.WriteAsync(_plain)); // goes on with the read on this thread
            Assert.True(_plain.Length == Result(reading));
        }), 0, s_most);
    }

    [Fact]
    public void WriteInManyPackets_SteadyState_AllocatesNothing()
    {
        byte[] large = Sealed.Pattern(100_000), read = new byte[100_000];
        using BoxStream box = Sealed.Over(new Loop());
        Assert.InRange(BytesPer(() =>
        {
            Run(box.WriteAsync(large));
            for (int at = 0; at < read.Length;)
                at += Result(box.ReadAsync(read.AsMemory(at)));
        }), 0, 8 * s_most);
    }

    private static long BytesPer(Action call)
    {
        Repeat(); // so that all is compiled and every pool is filled
        long before = GC.GetAllocatedBytesForCurrentThread();
        Repeat();
        return (GC.GetAllocatedBytesForCurrentThread() - before) / Count;

        void Repeat()
        {
            for (int i = 0; i < Count; i++)
                call();
        }
    }

#pragma warning disable CA2012 // each is used once, when it has ended
    private static void Run(ValueTask task)
    {
        Assert.True(task.IsCompleted);
        task.GetAwaiter().GetResult();
    }

    private static int Result(ValueTask<int> task)
    {
        Assert.True(task.IsCompleted);
        return task.GetAwaiter().GetResult();
    }
#pragma warning restore CA2012

    /// <summary>A stream that reads what was written to it, allocates nothing, and goes on with a waiting read on the writer's thread.</summary>
    private sealed class Loop : Stream, IValueTaskSource<int>
    {
        private readonly byte[] _bytes = new byte[1 << 18];
        private ManualResetValueTaskSourceCore<int> _waiting;
        private Memory<byte>? _wanted;
        private int _start;
        private int _end;

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_start < _end)
                return new ValueTask<int>(Take(buffer));
            _wanted = buffer;
            _waiting.Reset();
            return new ValueTask<int>(this, _waiting.Version);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_start == _end)
                _start = _end = 0;
            buffer.CopyTo(_bytes.AsMemory(_end));
            _end += buffer.Length;
            if (_wanted is { } wanted)
            {
                _wanted = null;
                _waiting.SetResult(Take(wanted));
            }

            return ValueTask.CompletedTask;
        }

        public int GetResult(short token) => _waiting.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _waiting.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _waiting.OnCompleted(continuation, state, token, flags);

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        private int Take(Memory<byte> buffer)
        {
            int count = Math.Min(buffer.Length, _end - _start);
            _bytes.AsMemory(_start, count).CopyTo(buffer);
            _start += count;
            return count;
        }
    }
}
