using System.Text.Json;

namespace Ssb.Wire;

/// <summary>Runs the procedures that the peer of one connection calls.</summary>
internal sealed class RpcServer(RpcConnection connection)
{
    private readonly Lock _gate = new();
    private int _running; // under _gate
    private TaskCompletionSource? _ended; // under _gate

    /// <summary>How many procedures run that did not end at once.</summary>
    public int Running
    {
        get
        {
            lock (_gate)
                return _running;
        }
    }

    /// <summary>A request came. On the reader.</summary>
    /// <exception cref="RpcProtocolException">It is no JSON.</exception>
    public void Open(in RpcFrame frame, ReadOnlySpan<byte> body)
    {
        RpcRequest request = default;
        bool isObject;
        try
        {
            isObject = frame.Kind == RpcValueKind.Json && RpcRequest.TryRead(body, out request);
        }
        catch (JsonException e)
        {
            throw new RpcProtocolException(RpcViolation.MalformedFrame, "The peer sent a request that is no JSON.", e);
        }

        if (frame.IsStream)
        {
            // What is no object may be an item of a stream that is over for us.
            if (isObject)
                OpenStream(frame.Request, request);
        }
        else if (!isObject || request.Arguments.IsEmpty)
        {
            Refuse(frame.Request, isStream: false, "invalid request, args should be array", RpcEventKind.Unknown, request.Shown ?? "");
        }
        else
        {
            OpenCall(frame.Request, request);
        }
    }

    /// <summary>Waits for procedures that still run; they are cancelled by now.</summary>
    public async Task WaitAsync()
    {
        Task ended;
        lock (_gate)
        {
            if (_running == 0)
                return;
            _ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            ended = _ended.Task;
        }

        RpcOptions options = connection.Options;
        await ended.WaitAsync(options.CloseTimeout, options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void OpenCall(int number, in RpcRequest request)
    {
        if (Find(number, "async", isStream: false, request) is not { Async: { } run })
            return;

        var served = new RpcServedCall();
        string procedure = request.Procedure!; // Find found it
        if (connection.Held.IsTooMuch(request.Arguments.Length) || !connection.Exchanges.TryOpenTheirs(number, served))
        {
            RefuseAsTooMany(number, isStream: false, procedure);
            return;
        }

        ValueTask<RpcValue> result;
        byte[] arguments = request.Arguments.ToArray();
        try
        {
            result = run(new RpcCall(connection, procedure, arguments), served.Ended);
            if (result.IsCompletedSuccessfully)
            {
                Answer(number, result.Result);
                return;
            }
        }
        catch (Exception e)
        {
            AnswerError(number, Shown(e, procedure, served.Ended));
            return;
        }

        _ = AnswerAsync(number, procedure, arguments.Length, result, served.Ended); // counted by Begin and Finish, and waited for by WaitAsync
    }

    private async Task AnswerAsync(int number, string procedure, int argumentsLength, ValueTask<RpcValue> result, CancellationToken ended)
    {
        Begin();
        connection.Held.Add(argumentsLength);
        try
        {
            RpcValue value = await result.ConfigureAwait(false);
            connection.CheckSize(value);
            while (!connection.Output.TryAdd(RpcFrame.TypeOf(value.Kind), -number, value.Bytes.Span))
                await connection.Output.WaitForRoomAsync(CancellationToken.None).ConfigureAwait(false);
            connection.Exchanges.Remove(-number);
        }
        catch (Exception e)
        {
            AnswerError(number, Shown(e, procedure, ended));
        }
        finally
        {
            connection.Held.Add(-argumentsLength);
            connection.Output.Flush();
            Finish();
        }
    }

    private void OpenStream(int number, in RpcRequest request)
    {
        if (request.Type is not ("source" or "sink" or "duplex"))
        {
            Refuse(number, isStream: true, $"unsupported stream type: {request.Type ?? "undefined"}", RpcEventKind.Unknown, request.Shown);
            return;
        }

        if (Find(number, request.Type, isStream: true, request) is not { } found)
            return;

        string procedure = request.Procedure!; // Find found it
        RpcInbox? inbox = found.Type == RpcProcedureType.Source ? null
            : new RpcInbox(connection, mayUseFile: connection.Options.Permissions == RpcPermissions.All); // strangers fill no disk
        var stream = new RpcStream(connection, -number, inbox, endsWithPeer: false) { Procedure = procedure };
        if (connection.Held.IsTooMuch(request.Arguments.Length) || !connection.Exchanges.TryOpenTheirs(number, stream))
        {
            RefuseAsTooMany(number, isStream: true, procedure);
            return;
        }

        byte[] arguments = request.Arguments.IsEmpty ? "[]"u8.ToArray() : request.Arguments.ToArray();
        _ = RunAsync(found, stream, inbox, new RpcCall(connection, procedure, arguments), arguments.Length); // counted by Begin and Finish
    }

    private async Task RunAsync(RpcProcedure procedure, RpcStream stream, RpcInbox? inbox, RpcCall call, int argumentsLength)
    {
        Begin();
        connection.Held.Add(argumentsLength);
        RpcException? error = null;
        try
        {
            if (procedure.Source is { } source)
            {
                IAsyncEnumerable<RpcValue> items = source(call, stream.Ended);
                // The items may come one after another without a wait: not on the reader.
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                await stream.SendAsync(items, stream.Ended).ConfigureAwait(false);
            }
            else if (inbox is not null && procedure.Duplex is { } duplex)
            {
                await duplex(call, new RpcDuplex(stream, inbox), stream.Ended).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stream.Ended.IsCancellationRequested)
        {
            // The peer wanted nothing more.
        }
        catch (Exception e)
        {
            error = Shown(e, call.Procedure, stream.Ended);
        }
        finally
        {
            inbox?.Abandon();
            stream.End(error);
            connection.Exchanges.EndTheirs(-stream.Request, stream);
            stream.Flush();
            connection.Held.Add(-argumentsLength);
            Finish();
        }
    }

    private RpcProcedure? Find(int number, string type, bool isStream, in RpcRequest request)
    {
        WireMetrics.CountCall(type, "served");
        if (connection.Options.Permissions.Refusal(request.Procedure, request.Shown) is { } refusal)
        {
            Refuse(number, isStream, refusal, RpcEventKind.Refused, request.Shown);
            return null;
        }

        RpcProcedure? procedure = request.Procedure is null ? null : connection.Options.Api.Find(request.Procedure);
        bool fits = procedure is not null
            && (isStream ? RpcManifest.NameOf(procedure.Type) == type : procedure.Type is RpcProcedureType.Sync or RpcProcedureType.Async);
        if (fits && JsonGate.IsDeep(request.Arguments, JsonGate.MaxDepth))
        {
            Refuse(number, isStream, $"invalid request, args are nested deeper than {JsonGate.MaxDepth} levels", RpcEventKind.Unknown, request.Shown);
            return null;
        }

        if (fits)
            return procedure;

        Refuse(number, isStream, $"no {type}:{request.Shown}", RpcEventKind.Unknown, request.Shown);
        return null;
    }

    private void Answer(int number, in RpcValue value)
    {
        connection.CheckSize(value);
        connection.Output.Add(RpcFrame.TypeOf(value.Kind), -number, value.Bytes.Span);
        connection.Exchanges.Remove(-number);
    }

    private void AnswerError(int number, RpcException error)
    {
        // Procedures are cancelled as the connection ends. What the peer is to learn then is the end, whichever of the two is written first.
        if (!connection.IsEnding)
            connection.Output.Add(RpcFrame.End | RpcFrame.Json, -number, RpcErrorBody.Of(error));
        connection.Exchanges.Remove(-number);
    }

    private void RefuseAsTooMany(int number, bool isStream, string procedure) =>
        Refuse(number, isStream, "too many open requests", RpcEventKind.TooManyRequests, procedure);

    private void Refuse(int number, bool isStream, string message, RpcEventKind kind, string procedure)
    {
        var error = new RpcException(message);
        if (!isStream)
        {
            connection.Output.Add(RpcFrame.End | RpcFrame.Json, -number, RpcErrorBody.Of(error));
        }
        else
        {
            // Items of it may be on their way.
            var stream = new RpcStream(connection, -number, inbox: null, endsWithPeer: false) { Procedure = procedure };
            stream.End(error);
            connection.Exchanges.EndTheirs(number, stream);
        }

        connection.Report(new RpcEvent(kind, procedure));
    }

    private RpcException Shown(Exception e, string procedure, CancellationToken ended)
    {
        if (e is RpcException error)
            return error;
        // A cancellation that nobody asked for here, such as that of a time-out of the procedure's own, is a failure.
        if (e is not OperationCanceledException || !ended.IsCancellationRequested)
            connection.Report(new RpcEvent(RpcEventKind.Failed, procedure, e));
        return new RpcException(e is OperationCanceledException ? $"{procedure} was cancelled" : $"internal error in {procedure}");
    }

    private void Begin()
    {
        lock (_gate)
            _running++;
    }

    private void Finish()
    {
        lock (_gate)
        {
            if (--_running == 0)
                _ended?.TrySetResult();
        }
    }
}
