// muxrpc, npm muxrpc 6.7.3 over packet-stream 2.0.6: https://ssbc.github.io/scuttlebutt-protocol-guide/#rpc-protocol
//
// A request opens with a frame of a new number, whose body is a RpcRequest; answers bear the negative number. A call (no stream flag) has one
// answer, with the end flag if it is an error. A stream has items each way, and one end from each side; it is over when both were sent.
using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Ssb.Wire;

/// <summary>A muxrpc connection: calls to the peer, and the peer's calls to us.</summary>
/// <remarks>
/// Thread-safe. It runs from its start until one side says goodbye, the stream breaks, or the peer breaks a rule; then
/// <see cref="Completion"/> says how, and every open call and stream ends with a <see cref="RpcException"/>. Owns its stream. While
/// nothing happens it holds no buffer. A socket below should have its <c>NoDelay</c> set.
/// </remarks>
public sealed class RpcConnection : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly RpcServer _server;
    private readonly RpcReader _reader;
    private readonly RpcWatch _watch;
    private readonly RpcSilence _silence;
    private readonly TaskCompletionSource<RpcEnd> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _goodbyeSaid = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _cut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Lock _gate = new();
    private RpcEnd? _end; // under _gate; set once, when it is known how the connection ends
    private ITimer? _closing; // under _gate; closes the stream if the peer does not

    private RpcReserve? _reserve;

    private RpcConnection(Stream stream, RpcOptions options)
    {
        _stream = stream;
        Options = options;
        Remote = options.Remote ?? (stream as BoxStream)?.Remote;
        Held = new RpcHeld(options.MaxHeldBytes);
        Output = new RpcOutput(stream, options.TimeProvider, options.MaxUnsentBytes, e => End(new RpcEnd(RpcEndReason.Lost, e)));
        Exchanges = new RpcExchanges(options.MaxOpenRequests);
        _server = new RpcServer(this);
        _reader = new RpcReader(this, stream, _server);
        _watch = new RpcWatch(this);
        _silence = new RpcSilence(this);
    }

    /// <summary>Who the peer is; null if nobody proved it.</summary>
    public FeedId? Remote { get; }

    /// <summary>What the peer may call.</summary>
    public RpcPermissions Permissions => Options.Permissions;

    /// <summary>How the connection ended. Never faults.</summary>
    public Task<RpcEnd> Completion => _completion.Task;

    /// <summary>Has the peer sent anything but its goodbye, such as a request or an answer?</summary>
    public bool HasReceived => _reader.Received > 0;

    internal RpcOptions Options { get; }

    internal RpcOutput Output { get; }

    internal RpcHeld Held { get; }

    /// <summary>Made when it is first needed, as most connections never do.</summary>
    internal RpcReserve Reserve =>
        Volatile.Read(ref _reserve) ?? Interlocked.CompareExchange(ref _reserve, new RpcReserve(Options), null) ?? _reserve;

    internal RpcExchanges Exchanges { get; }

    /// <summary>When the last frame came: a timestamp of the clock.</summary>
    internal long LastReceived => _reader.LastReceived;

    /// <summary>Counts what came, in frames and in good parts of large ones.</summary>
    internal long Received => _reader.Received;

    /// <summary>Is it known how the connection ends?</summary>
    internal bool IsEnding => Volatile.Read(ref _end) is not null;

    /// <summary>Completes when the stream is closed.</summary>
    internal Task WasCut => _cut.Task;

    /// <summary>Whether nothing is read now, since a stream has no room. The peer cannot be heard then.</summary>
    internal bool IsStopped => _reader.StoppedBy is not null;

    /// <summary>Was the peer asked whether it is there, without an answer so far?</summary>
    internal bool IsAsking => _silence.IsAsking;

    /// <summary>How many procedures run that did not end at once.</summary>
    internal int RunningProcedures => _server.Running;

    /// <summary>Starts a connection over a stream, and with it serving.</summary>
    /// <param name="stream">A box stream, or another one that is private and authentic by itself, such as a Unix socket's. It belongs to
    /// the connection.</param>
    /// <param name="options">What is served, and within which bounds.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static RpcConnection Start(Stream stream, RpcOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new RpcOptions();
        options.Validate();
        if (options.ReserveFolder is { } folder && !Path.IsPathFullyQualified(folder))
            options = options with { ReserveFolder = Path.GetFullPath(folder) }; // whatever becomes of the working directory
        var connection = new RpcConnection(stream, options);
        WireMetrics.CountConnections(+1);
        connection._watch.Start();
        connection._silence.Start();
        _ = connection.RunAsync(); // never throws; Completion ends with it
        return connection;
    }

    /// <summary>Calls a procedure that gives one result (types sync and async).</summary>
    /// <param name="procedure">Its dotted name, such as <c>conn.stage</c>.</param>
    /// <param name="arguments">The arguments: strings, truth values, numbers, JSON; not bytes.</param>
    /// <param name="cancellationToken">Ends the call. A peer that runs this library cancels the procedure.</param>
    /// <exception cref="RpcException">The peer answered with an error, or the connection ended.</exception>
    /// <exception cref="ArgumentException">The name is none, or the arguments are too large or binary.</exception>
    public Task<RpcValue> CallAsync(string procedure, ReadOnlySpan<RpcValue> arguments = default, CancellationToken cancellationToken = default)
    {
        ReadOnlySpan<byte> body = WriteRequest(procedure, null, arguments);
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<RpcValue>(cancellationToken);

        RpcPendingCall? call = Exchanges.OpenOurs(number => new RpcPendingCall(this, number));
        if (call is null)
            return Task.FromException<RpcValue>(Lost());

        call.CancelBy(cancellationToken);
        if (call.Task.IsCompleted)
            return call.Task;
        _reader.StoppedBy?.LookAgain(); // its reader may be waiting for this call
        if (Output.TryAdd(RpcFrame.Json, call.Request, body))
            Output.Flush();
        else
            _ = WaitAndSendAsync(call, body.ToArray()); // ends in the call's task
        return call.Task;
    }

    /// <summary>Calls a procedure and reads its result by source-generated metadata.</summary>
    /// <inheritdoc cref="CallAsync(string, ReadOnlySpan{RpcValue}, CancellationToken)"/>
    public Task<T?> CallAsync<T>(
        string procedure, ReadOnlySpan<RpcValue> arguments, JsonTypeInfo<T> result, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(result);
        return ReadAsync(CallAsync(procedure, arguments, cancellationToken), procedure, result);

        static async Task<T?> ReadAsync(Task<RpcValue> call, string procedure, JsonTypeInfo<T> result)
        {
            RpcValue value = await call.ConfigureAwait(false);
            try
            {
                return value.As(result);
            }
            catch (FormatException e)
            {
                throw new RpcException(RpcError.Malformed, $"The answer of {procedure} is not what was expected. {e.Message}");
            }
        }
    }

    /// <summary>Opens a stream of items from the peer. It runs from now on.</summary>
    /// <exception cref="RpcException">The connection ended.</exception>
    /// <exception cref="ArgumentException">The name is none, or the arguments are too large or binary.</exception>
    public RpcSource Source(string procedure, ReadOnlySpan<RpcValue> arguments = default)
    {
        var inbox = new RpcInbox(this, mayUseFile: true);
        return new RpcSource(Open("source", procedure, arguments, inbox, endsWithPeer: true), inbox);
    }

    /// <summary>Opens a stream each way.</summary>
    /// <exception cref="RpcException">The connection ended.</exception>
    /// <exception cref="ArgumentException">The name is none, or the arguments are too large or binary.</exception>
    public RpcDuplex Duplex(string procedure, ReadOnlySpan<RpcValue> arguments = default)
    {
        var inbox = new RpcInbox(this, mayUseFile: true);
        return new RpcDuplex(Open("duplex", procedure, arguments, inbox, endsWithPeer: false), inbox);
    }

    /// <summary>Sends a stream of items to the peer, no faster than the peer takes them.</summary>
    /// <param name="procedure">Its dotted name.</param>
    /// <param name="arguments">The arguments.</param>
    /// <param name="items">What is sent. What it throws comes out of the returned task; the peer only learns that it happened.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>Ends when the peer has ended the stream, too.</returns>
    /// <exception cref="RpcException">The peer ended it with an error, or the connection ended.</exception>
    /// <exception cref="ArgumentException">The name is none, or the arguments are too large or binary.</exception>
    public Task SinkAsync(
        string procedure, ReadOnlySpan<RpcValue> arguments, IAsyncEnumerable<RpcValue> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        return SendAllAsync(Open("sink", procedure, arguments, inbox: null, endsWithPeer: false), items, cancellationToken);

        static async Task SendAllAsync(RpcStream stream, IAsyncEnumerable<RpcValue> items, CancellationToken cancellationToken)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stream.Ended, cancellationToken);
            try
            {
                await stream.SendAsync(items, either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stream.Ended.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                // The peer ended it first; how is seen below.
            }
            catch (RpcException) when (stream.HasPeerEnded)
            {
                // Likewise.
            }
            catch (Exception e)
            {
                stream.Abort(e as RpcException ?? new RpcException("The sender stopped."));
                throw;
            }

            stream.End(null);
            stream.Flush();
            if (await stream.PeerEnd.WaitAsync(cancellationToken).ConfigureAwait(false) is { } error)
                throw error;
        }
    }

    /// <summary>Asks the peer which procedures it has.</summary>
    /// <exception cref="RpcException">The peer does not say, or the connection ended.</exception>
    public async Task<RpcManifest> GetManifestAsync(CancellationToken cancellationToken = default)
    {
        RpcValue value = await CallAsync("manifest", [], cancellationToken).ConfigureAwait(false);
        try
        {
            return RpcManifest.Read(value.AsJson());
        }
        catch (FormatException e)
        {
            throw new RpcException(RpcError.Malformed, "The peer's manifest is not valid: " + e.Message);
        }
    }

    /// <summary>Asks the peer whether it is still there, by <c>gossip.ping</c>. If it answered something before on this connection, and nothing
    /// comes from it within the deadline, the connection ends with <see cref="RpcEndReason.Silent"/>. A peer that never answered may be one
    /// that answers nobody, and stays.</summary>
    /// <param name="deadline">How long the peer may take; must be above zero. Where the machine slept meanwhile, it is asked again and has that
    /// time once more.</param>
    /// <returns>Whether the connection stands.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="deadline"/> is zero or less.</exception>
    public Task<bool> ProbeAsync(TimeSpan deadline)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(deadline, TimeSpan.Zero);
        return _silence.ProbeAsync(deadline);
    }

    /// <summary>Closes without breaking anything off: no new calls of ours; what is open may end by itself; then goodbye.</summary>
    /// <param name="cancellationToken">Ends the wait, and closes at once.</param>
    public async Task CloseAsync(CancellationToken cancellationToken = default)
    {
        Exchanges.Drain();
        Task over = Task.WhenAny(Exchanges.Drained, Completion);
        await over.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Closes now: what is open ends with <see cref="RpcError.ConnectionClosed"/>; then goodbye.</summary>
    /// <returns>Ends when the peer has said goodbye, too, procedures have ended, and the stream is closed, or after
    /// <see cref="RpcOptions.CloseTimeout"/> for each of these.</returns>
    public async ValueTask DisposeAsync()
    {
        End(new RpcEnd(RpcEndReason.Closed));
        await Completion.ConfigureAwait(false);
    }

    /// <summary>It is known how the connection ends; the first who knows is right.</summary>
    /// <returns>Whether this one was the first.</returns>
    internal bool End(RpcEnd end)
    {
        if (end.Reason == RpcEndReason.Lost && RpcSilence.IsSilence(end.Error))
            end = end with { Reason = RpcEndReason.Silent };
        lock (_gate)
        {
            if (_end is not null)
                return false;
            _end = end;
        }

        RpcException lost = Lost();
        foreach (IRpcExchange exchange in Exchanges.Close())
            exchange.OnLost(lost);

        if (end.Reason is RpcEndReason.Lost or RpcEndReason.Violation or RpcEndReason.Silent)
            Cut();
        else
            _ = SayGoodbyeAsync(); // never throws; RunAsync waits for it
        return true;
    }

    /// <summary>The peer answered a ping.</summary>
    internal void Answered() => _silence.Answered();

    internal void Report(RpcEvent happening)
    {
        WireMetrics.CountEvent(happening.Kind);
        try
        {
            Options.OnEvent?.Invoke(happening);
        }
        catch (Exception)
        {
            // The observer is foreign code: it can make nothing fail here.
        }
    }

    internal void CheckSize(in RpcValue value)
    {
        int length = value.Bytes.Length;
        if (length > Options.MaxBodySize)
            throw new ArgumentException($"A body has {Options.MaxBodySize:N0} bytes at most, not {length:N0}.");
        if (length == 0)
            throw new ArgumentException("A body has at least one byte.");
    }

    private ReadOnlySpan<byte> WriteRequest(string procedure, string? type, ReadOnlySpan<RpcValue> arguments)
    {
        RpcRequest.CheckName(procedure);
        var body = new ArrayBufferWriter<byte>(256);
        RpcRequest.Write(body, procedure, type, arguments);
        if (body.WrittenCount > Options.MaxBodySize)
            throw new ArgumentException($"A request has {Options.MaxBodySize:N0} bytes at most, not {body.WrittenCount:N0}.", nameof(arguments));
        WireMetrics.CountCall(type ?? "async", "made");
        return body.WrittenSpan;
    }

    private RpcStream Open(string type, string procedure, ReadOnlySpan<RpcValue> arguments, RpcInbox? inbox, bool endsWithPeer)
    {
        ReadOnlySpan<byte> body = WriteRequest(procedure, type, arguments);
        RpcStream stream = Exchanges.OpenOurs(number => new RpcStream(this, number, inbox, endsWithPeer) { Procedure = procedure }) ?? throw Lost();
        _reader.StoppedBy?.LookAgain(); // its reader may be waiting for this stream
        Output.Add(RpcFrame.Stream | RpcFrame.Json, stream.Request, body);
        Output.Flush();
        return stream;
    }

    private RpcException Lost()
    {
        RpcEnd? end;
        lock (_gate)
            end = _end;
        string how = end?.Reason switch
        {
            null => "The connection is closing.",
            RpcEndReason.Goodbye => "The peer closed the connection.",
            RpcEndReason.Closed => "The connection was closed.",
            RpcEndReason.Idle => "The connection was idle and was closed.",
            RpcEndReason.Lost => "The connection was lost.",
            RpcEndReason.Silent => "The peer went silent, and the connection was given up.",
            _ => "The connection was cut: the peer broke a rule.",
        };
        return new RpcException(RpcError.ConnectionClosed, how, end?.Error);
    }

    private async Task WaitAndSendAsync(RpcPendingCall call, byte[] body)
    {
        do
            await Output.WaitForRoomAsync(CancellationToken.None).ConfigureAwait(false);
        while (!call.Task.IsCompleted && !Output.TryAdd(RpcFrame.Json, call.Request, body));
        Output.Flush();
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // the host has the connection before it is called
        RpcEnd end;
        try
        {
            end = await _reader.ReadToEndAsync().ConfigureAwait(false);
        }
        catch (RpcProtocolException e)
        {
            end = new RpcEnd(RpcEndReason.Violation, e);
        }
        catch (Exception e)
        {
            end = new RpcEnd(RpcEndReason.Lost, e);
        }

        bool peerFirst = End(end);
        if (end.Reason == RpcEndReason.Goodbye)
        {
            await _goodbyeSaid.Task.ConfigureAwait(false);
            // Who said goodbye first closes when it is answered. One that goes on sending instead waits, unread, for the close timeout.
            if (peerFirst && !await _reader.WaitForEndOfStreamAsync().ConfigureAwait(false))
                await WasCut.ConfigureAwait(false);
        }

        Cut();
        await _watch.DisposeAsync().ConfigureAwait(false);
        await _silence.DisposeAsync().ConfigureAwait(false);
        await _server.WaitAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _closing?.Dispose();
            end = _end ?? end; // the first who knew
        }

        _reader.Dispose();
        WireMetrics.CountConnections(-1);
        WireMetrics.CountEnd(end.Reason);
        _completion.TrySetResult(end);
    }

    private async Task SayGoodbyeAsync()
    {
        LimitClosing();
        try
        {
            await Output.CompleteAsync().ConfigureAwait(false);
            if (_stream is BoxStream box)
                await box.ShutdownAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The peer is gone already; how the stream puts that is its own affair.
        }

        _goodbyeSaid.TrySetResult();
    }

    private void LimitClosing()
    {
        lock (_gate)
        {
            _closing ??= Options.TimeProvider.CreateTimer(
                static connection => ((RpcConnection)connection!).Cut(), this, Options.CloseTimeout, Timeout.InfiniteTimeSpan);
        }
    }

    private void Cut()
    {
        Output.Abandon();
        try
        {
            _stream.Dispose();
        }
        catch (Exception)
        {
            // A stream that fails to close is closed all the same.
        }

        _goodbyeSaid.TrySetResult();
        _cut.TrySetResult();
    }
}
