namespace Ssb.Wire;

/// <summary>Reads the frames of one connection and gives each to what it belongs to.</summary>
internal sealed class RpcReader(RpcConnection connection, Stream stream, RpcServer server) : IDisposable
{
    // So many frames are handled at a time. A peer whose bytes never run out would keep a thread of the pool, and a few of them all there
    // are; so others have their turn. (Task.Yield goes to the end of the pool's common queue; ForceYielding would go to the front of the
    // thread's own.)
    private const int Turn = 100;

    // What a peer may have had on its way when our goodbye reached it, and so before its own. The rest of one that goes on sending is left
    // unread.
    private const int MaxAfterOurGoodbye = 4 * 1024 * 1024;

    // A frame that takes longer than the connection may be idle is heard of by this much of it at a time: a peer that lets it drip is idle.
    private const int LeastOfAFrame = 4_096;

    private readonly ReceiveBuffer _received = new(65_536);

    /// <summary>When the last whole frame came, or a good part of a large one: a timestamp of the clock.</summary>
    public long LastReceived { get; private set; } = connection.Options.TimeProvider.GetTimestamp();

    /// <summary>Counts the whole frames that came, and the good parts of large ones.</summary>
    public long Received
    {
        get => Volatile.Read(ref field);
        private set => Volatile.Write(ref field, value);
    }

    /// <summary>While nothing is read: the inbox that has no room.</summary>
    public RpcInbox? StoppedBy
    {
        get => Volatile.Read(ref field);
        private set => Volatile.Write(ref field, value);
    }

    public void Dispose() => _received.Dispose();

    /// <summary>Reads frames until the connection's end.</summary>
    public async Task<RpcEnd> ReadToEndAsync()
    {
        var rate = new RpcFrameRate(connection.Options);
        int wanted = RpcFrame.HeaderSize;
        int heard = 0; // of a frame that is not complete
        int late = 0; // bytes of frames after our goodbye
        while (true)
        {
            ValueTask<bool> filling = _received.FillAsync(stream, wanted, CancellationToken.None);
            bool isHere = filling.IsCompleted;
            if (!await filling.ConfigureAwait(false))
            {
                return stream is BoxStream // whose end is a goodbye of its own
                    ? new RpcEnd(RpcEndReason.Goodbye)
                    : new RpcEnd(RpcEndReason.Lost, new EndOfStreamException("The stream ended without a goodbye."));
            }

            if (isHere)
                await Task.Yield(); // see Turn
            long now = connection.Options.TimeProvider.GetTimestamp();
            rate.Refill(now);
            for (int handled = 1; TryReadFrame(out RpcFrame frame, out wanted); handled++)
            {
                if (frame.IsGoodbye)
                    return new RpcEnd(RpcEndReason.Goodbye);

                (LastReceived, heard) = (now, 0);
                Received++;
                rate.Count();
                int length = (int)frame.Length;
                if (connection.IsEnding && (late += RpcFrame.HeaderSize + length) > MaxAfterOurGoodbye)
                {
                    await connection.WasCut.ConfigureAwait(false);
                    return new RpcEnd(RpcEndReason.Lost, new IOException("The peer went on sending after our goodbye."));
                }

                while (Dispatch(frame, _received.Bytes.Slice(RpcFrame.HeaderSize, length)) is { } full)
                {
                    if (full.FindRoom(length) is not { } room)
                    {
                        room = await WaitForRoomAsync(full, length).ConfigureAwait(false);
                        now = LastReceived; // that the peer was not heard meanwhile was our doing, for the frames behind this one, too
                    }

                    if (room == RpcRoom.Reserve
                        && full.TryAddToReserve(RpcValue.Received(frame.Kind, _received.Bytes.Slice(RpcFrame.HeaderSize, length))))
                        break;

                    if (room == RpcRoom.None)
                        full.EndAsTooSlow(); // then it has room, for what is dropped
                }

                _received.Consume(RpcFrame.HeaderSize + length);
                if (connection.Output.IsOverfull)
                    await connection.Output.WaitForRoomAsync(CancellationToken.None).ConfigureAwait(false);
                if (handled % Turn == 0)
                    await Task.Yield();
            }

            if (_received.Bytes.Length - heard >= LeastOfAFrame)
            {
                (LastReceived, heard) = (now, _received.Bytes.Length);
                Received++;
            }

            connection.Output.Flush(); // the answers to all that came together go out together
        }
    }

    private async Task<RpcRoom> WaitForRoomAsync(RpcInbox full, int length)
    {
        connection.Output.Flush();
        TimeProvider clock = connection.Options.TimeProvider;
        long start = clock.GetTimestamp();
        StoppedBy = full;
        RpcRoom room = await full.WaitForRoomAsync(length).ConfigureAwait(false);
        LastReceived = clock.GetTimestamp(); // before it counts as read again: that the peer was not heard was our doing
        StoppedBy = null;
        WireMetrics.CountStop(clock.GetElapsedTime(start, LastReceived));
        return room;
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
        if (frame.Length > connection.Options.MaxBodySize)
        {
            throw new RpcProtocolException(RpcViolation.BodyTooLarge,
                $"The peer announced a body of {frame.Length:N0} bytes; {connection.Options.MaxBodySize:N0} are the most.");
        }

        if (!frame.IsKnown)
            throw new RpcProtocolException(RpcViolation.MalformedFrame, "The peer sent a frame of a type that there is not.");

        wanted += (int)frame.Length;
        return bytes.Length >= wanted;
    }

    /// <returns>The inbox of a stream that has no room for it, if so. Nothing was done then.</returns>
    private RpcInbox? Dispatch(in RpcFrame frame, ReadOnlySpan<byte> body)
    {
        if (!connection.Exchanges.TryFind(frame.Request, out IRpcExchange? exchange))
            return null;

        if (exchange is null)
        {
            // Number 0 is a message, which muxrpc no longer has. Answers to what is over, and ends of it, are late.
            if (frame.Request > 0 && !frame.IsEnd)
                server.Open(frame, body);
        }
        else if (frame.IsEnd)
        {
            exchange.OnEnd(RpcErrorBody.Read(frame.Kind, body));
        }
        else if (exchange.IsFull(body.Length))
        {
            return (exchange as RpcStream)?.Inbox;
        }
        else
        {
            exchange.OnData(frame.Kind, body);
        }

        return null;
    }

    /// <summary>Waits until the peer, which has said goodbye, closes, which it does when it has ours.</summary>
    /// <returns>false if it sends something instead. No more of that is read: it would be work for nothing, for as long as the peer
    /// likes.</returns>
    public async Task<bool> WaitForEndOfStreamAsync()
    {
        try
        {
            _received.Consume(_received.Bytes.Length);
            return !await _received.FillAsync(stream, 1, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception)
        {
            return true; // that is an end, too
        }
    }
}
