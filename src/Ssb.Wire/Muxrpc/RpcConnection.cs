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
    private readonly ReceiveBuffer _received = new(65_536);
    private readonly RpcWatch _watch;
    private readonly TaskCompletionSource<RpcEnd> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _goodbyeSaid = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Lock _gate = new();
    private readonly Dictionary<int, IRpcExchange> _ours = []; // under _gate; by the number, which is positive
    private readonly Dictionary<int, IRpcExchange> _theirs = []; // under _gate; by the number, which is positive
    private int _lastRequest; // under _gate
    private bool _draining; // under _gate
    private RpcEnd? _end; // under _gate; set once, when it is known how the connection ends
    private ITimer? _closing; // under _gate; closes the stream if the peer does not

    private RpcConnection(Stream stream, RpcOptions options)
    {
        _stream = stream;
        Options = options;
        Remote = options.Remote ?? (stream as BoxStream)?.Remote;
        Held = new RpcHeld(options.MaxHeldBytes);
        Output = new RpcOutput(stream, options.TimeProvider, e => End(new RpcEnd(RpcEndReason.Lost, e)));
        _server = new RpcServer(this);
        _watch = new RpcWatch(this);
    }

    /// <summary>Who the peer is; null if nobody proved it.</summary>
    public FeedId? Remote { get; }

    /// <summary>How the connection ended. Never faults.</summary>
    public Task<RpcEnd> Completion => _completion.Task;

    internal RpcOptions Options { get; }

    internal RpcOutput Output { get; }

    internal RpcHeld Held { get; }

    /// <summary>When the last bytes came: a timestamp of the clock.</summary>
    internal long LastReceived { get; private set; }

    /// <summary>How many calls and streams are open, of both sides.</summary>
    internal int OpenExchanges
    {
        get
        {
            lock (_gate)
                return _ours.Count + _theirs.Count;
        }
    }

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
        var connection = new RpcConnection(stream, options);
        connection.LastReceived = options.TimeProvider.GetTimestamp();
        WireMetrics.CountConnections(+1);
        connection._watch.Start();
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

        var call = new RpcPendingCall(this);
        // The number is set before anybody can find the call: a hostile peer may answer before it is asked.
        int? request = Register(call, static (number, call) =>
        {
            call.Request = number;
            return call;
        });
        if (request is null)
            return Task.FromException<RpcValue>(Lost());

        call.CancelBy(cancellationToken);
        if (call.Task.IsCompleted)
            return call.Task;
        if (Output.TryAdd(RpcFrame.Json, request.Value, body))
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
                throw new RpcException(RpcError.Malformed, $"The answer of {procedure} is not what was expected. {e.Message}", e);
            }
        }
    }

    /// <summary>Opens a stream of items from the peer. It runs from now on.</summary>
    /// <exception cref="RpcException">The connection ended.</exception>
    /// <exception cref="ArgumentException">The name is none, or the arguments are too large or binary.</exception>
    public RpcSource Source(string procedure, ReadOnlySpan<RpcValue> arguments = default)
    {
        var inbox = new RpcInbox(Options, Held);
        return new RpcSource(Open("source", procedure, arguments, inbox, endsWithPeer: true), inbox);
    }

    /// <summary>Opens a stream each way.</summary>
    /// <exception cref="RpcException">The connection ended.</exception>
    /// <exception cref="ArgumentException">The name is none, or the arguments are too large or binary.</exception>
    public RpcDuplex Duplex(string procedure, ReadOnlySpan<RpcValue> arguments = default)
    {
        var inbox = new RpcInbox(Options, Held);
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
            throw new RpcException(RpcError.Malformed, "The peer's manifest is none: " + e.Message, e);
        }
    }

    /// <summary>Closes without breaking anything off: no new calls of ours; what is open may end by itself; then goodbye.</summary>
    /// <param name="cancellationToken">Ends the wait, and closes at once.</param>
    public async Task CloseAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            _draining = true;
            CheckDrained();
        }

        Task over = Task.WhenAny(_drained.Task, Completion);
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
        IRpcExchange[] open;
        lock (_gate)
        {
            if (_end is not null)
                return false;

            _end = end;
            open = [.. _ours.Values, .. _theirs.Values];
            _ours.Clear();
            _theirs.Clear();
            CheckDrained();
        }

        RpcException lost = Lost();
        foreach (IRpcExchange exchange in open)
            exchange.OnLost(lost);

        if (end.Reason is RpcEndReason.Lost or RpcEndReason.Violation)
            Cut();
        else
            _ = SayGoodbyeAsync(); // never throws; RunAsync waits for it
        return true;
    }

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

    /// <summary>An exchange is over.</summary>
    /// <param name="request">Its number as we write it: negative for the peer's.</param>
    internal void Remove(int request)
    {
        lock (_gate)
        {
            _ = request > 0 ? _ours.Remove(request) : _theirs.Remove(-request);
            CheckDrained();
        }
    }

    /// <summary>Registers a request of the peer.</summary>
    /// <returns>false if too many are open.</returns>
    internal bool TryRegisterTheirs(int request, IRpcExchange exchange)
    {
        lock (_gate)
        {
            if (_theirs.Count >= Options.MaxOpenRequests || _end is not null)
                return false;
            _theirs.Add(request, exchange);
            return true;
        }
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
        RpcStream? stream = null;
        int? request = Register(number => stream = new RpcStream(this, number, inbox, endsWithPeer) { Procedure = procedure });
        if (request is null || stream is null)
            throw Lost();

        Output.Add(RpcFrame.Stream | RpcFrame.Json, request.Value, body);
        Output.Flush();
        return stream;
    }

    private int? Register(Func<int, IRpcExchange> make) => Register(make, static (number, make) => make(number));

    /// <returns>null if no requests can be made any more.</returns>
    private int? Register<T>(T state, Func<int, T, IRpcExchange> make)
    {
        lock (_gate)
        {
            if (_end is not null || _draining)
                return null;

            do
                _lastRequest = _lastRequest == int.MaxValue ? 1 : _lastRequest + 1;
            while (_ours.ContainsKey(_lastRequest)); // only after two billion requests
            _ours.Add(_lastRequest, make(_lastRequest, state));
            return _lastRequest;
        }
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

    // Under _gate.
    private void CheckDrained()
    {
        if (_draining && _ours.Count == 0 && _theirs.Count == 0)
            _drained.TrySetResult();
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // the host has the connection before it is called
        RpcEnd end;
        try
        {
            end = await ReadToEndAsync().ConfigureAwait(false);
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
            if (peerFirst) // who said goodbye first closes when it is answered
                await WaitForEndOfStreamAsync().ConfigureAwait(false);
        }

        Cut();
        await _watch.DisposeAsync().ConfigureAwait(false);
        await _server.WaitAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _closing?.Dispose();
            end = _end ?? end; // the first who knew
        }

        _received.Dispose();
        WireMetrics.CountConnections(-1);
        WireMetrics.CountEnd(end.Reason);
        _completion.TrySetResult(end);
    }

    /// <summary>Reads frames until the connection's end.</summary>
    private async Task<RpcEnd> ReadToEndAsync()
    {
        var rate = new RpcFrameRate(Options);
        int wanted = RpcFrame.HeaderSize;
        while (true)
        {
            if (!await _received.FillAsync(_stream, wanted, CancellationToken.None).ConfigureAwait(false))
            {
                return _stream is BoxStream // whose end is a goodbye of its own
                    ? new RpcEnd(RpcEndReason.Goodbye)
                    : new RpcEnd(RpcEndReason.Lost, new EndOfStreamException("The stream ended without a goodbye."));
            }

            LastReceived = Options.TimeProvider.GetTimestamp();
            rate.Refill(LastReceived);
            while (TryReadFrame(out RpcFrame frame, out wanted))
            {
                if (frame.IsGoodbye)
                    return new RpcEnd(RpcEndReason.Goodbye);

                rate.Count();
                int length = (int)frame.Length;
                // What was taken may have been too little: the wait begins again, until it is enough or the stream ends.
                while (Dispatch(frame, _received.Bytes.Slice(RpcFrame.HeaderSize, length)) is { } full)
                {
                    Output.Flush();
                    await full.MakeRoomAsync(length).ConfigureAwait(false);
                }

                _received.Consume(RpcFrame.HeaderSize + length);
                if (Output.IsOverfull)
                    await Output.WaitForRoomAsync(CancellationToken.None).ConfigureAwait(false);
            }

            Output.Flush(); // the answers to all that came together go out together
        }
    }

    /// <returns>false if more bytes have to come.</returns>
    /// <exception cref="RpcProtocolException">No frame begins like that.</exception>
    private bool TryReadFrame(out RpcFrame frame, out int wanted)
    {
        ReadOnlySpan<byte> bytes = _received.Bytes;
        frame = default;
        wanted = RpcFrame.HeaderSize;
        if (bytes.Length < wanted)
            return false;

        frame = RpcFrame.Read(bytes);
        if (frame.Length > Options.MaxBodySize)
        {
            throw new RpcProtocolException(RpcViolation.BodyTooLarge,
                $"The peer announced a body of {frame.Length:N0} bytes; {Options.MaxBodySize:N0} are the most.");
        }

        if (!frame.IsKnown)
            throw new RpcProtocolException(RpcViolation.MalformedFrame, "The peer sent a frame of a type that there is not.");

        wanted += (int)frame.Length;
        return bytes.Length >= wanted;
    }

    /// <returns>The stream that has no room for it, if so. Nothing was done then.</returns>
    private RpcStream? Dispatch(in RpcFrame frame, ReadOnlySpan<byte> body)
    {
        IRpcExchange? exchange;
        lock (_gate)
        {
            if (_end is not null)
                return null;
            _ = frame.Request > 0 ? _theirs.TryGetValue(frame.Request, out exchange) : _ours.TryGetValue(-frame.Request, out exchange);
        }

        if (exchange is null)
        {
            // Number 0 is a message, which muxrpc no longer has. Answers to what is over, and ends of it, are late.
            if (frame.Request > 0 && !frame.IsEnd)
                _server.Open(frame, body);
        }
        else if (frame.IsEnd)
        {
            exchange.OnEnd(RpcErrorBody.Read(frame.Kind, body));
        }
        else if (exchange.IsFull(body.Length))
        {
            return exchange as RpcStream;
        }
        else
        {
            exchange.OnData(frame.Kind, body);
        }

        return null;
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

    // The peer closes when it has our goodbye. If it does not, the timer closes the stream.
    private async Task WaitForEndOfStreamAsync()
    {
        try
        {
            while (await _received.FillAsync(_stream, 1, CancellationToken.None).ConfigureAwait(false))
                _received.Consume(_received.Bytes.Length);
        }
        catch (Exception)
        {
            // That is an end, too.
        }
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
    }
}
