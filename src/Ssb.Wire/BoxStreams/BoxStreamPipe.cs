using System.IO.Pipelines;

namespace Ssb.Wire;

/// <summary>A box stream as two pipes.</summary>
internal sealed class BoxStreamPipe(BoxStream stream) : IDuplexPipe
{
    public PipeReader Input { get; } = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true));

    public PipeWriter Output { get; } = new Ending(stream);

    /// <summary>A writer whose completion says goodbye. One that is completed with an error does not: who broke off has not said all.</summary>
    private sealed class Ending(BoxStream stream) : PipeWriter
    {
        private readonly PipeWriter _inner = Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        private bool _completed;

        public override bool CanGetUnflushedBytes => _inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => _inner.UnflushedBytes;

        public override void Advance(int bytes) => _inner.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => _inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _inner.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => _inner.FlushAsync(cancellationToken);

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
            _inner.WriteAsync(source, cancellationToken);

        public override void CancelPendingFlush() => _inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => CompleteAsync(exception).AsTask().GetAwaiter().GetResult();

        public override async ValueTask CompleteAsync(Exception? exception = null)
        {
            if (_completed)
                return;

            _completed = true;
            await _inner.CompleteAsync(exception).ConfigureAwait(false); // writes what was not flushed, if there is no error
            if (exception is null)
                await stream.ShutdownAsync().ConfigureAwait(false);
        }
    }
}
