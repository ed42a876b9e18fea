namespace Ssb.Wire;

/// <summary>What is open on a connection, by request number: ours and the peer's.</summary>
/// <remarks>Thread-safe. A stream of the peer that has ended on our side is open no more, whatever the peer does: it counts for nothing, and nothing
/// waits for it. Its number is kept until the peer ends it, too, so that items on their way are not taken for requests; of the last
/// <paramref name="mostOfTheirs"/> such streams, since a peer may end none.</remarks>
/// <param name="mostOfTheirs">How many of the peer may be open.</param>
internal sealed class RpcExchanges(int mostOfTheirs)
{
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly Dictionary<int, IRpcExchange> _ours = []; // under _gate; by the number, which is positive
    private readonly Dictionary<int, IRpcExchange> _theirs = []; // under _gate; by the number, which is positive
    private readonly Dictionary<int, LinkedListNode<(int Request, IRpcExchange Exchange)>> _ended = []; // under _gate; theirs, which we have ended
    private readonly LinkedList<(int Request, IRpcExchange Exchange)> _endedInOrder = []; // under _gate; the first first
    private int _lastRequest; // written under _gate
    private bool _draining; // under _gate
    private bool _closed; // under _gate

    /// <summary>Completes when nothing is open any more, once <see cref="Drain"/> was called.</summary>
    public Task Drained => _drained.Task;

    /// <summary>The number of our newest request; 0 if we made none. Read without a lock, since every taken item asks.</summary>
    public int LastRequest => Volatile.Read(ref _lastRequest);

    public int Count
    {
        get
        {
            lock (_gate)
                return _ours.Count + _theirs.Count;
        }
    }

    /// <summary>Opens a request of ours.</summary>
    /// <param name="make">Makes the exchange of that number, before anybody can find it: a hostile peer may answer before it is asked.</param>
    /// <returns>null if no requests can be made any more.</returns>
    public T? OpenOurs<T>(Func<int, T> make)
        where T : class, IRpcExchange
    {
        lock (_gate)
        {
            if (_closed || _draining)
                return null;

            do
                _lastRequest = _lastRequest == int.MaxValue ? 1 : _lastRequest + 1;
            while (_ours.ContainsKey(_lastRequest)); // only after two billion requests
            T exchange = make(_lastRequest);
            _ours.Add(_lastRequest, exchange);
            return exchange;
        }
    }

    /// <summary>Whether a request of ours is open that was made after the one of this number.</summary>
    /// <remarks>After two billion requests the numbers begin again, and it is missed once.</remarks>
    public bool HasOursSince(int request)
    {
        if (LastRequest == request)
            return false;
        lock (_gate)
        {
            if (_lastRequest - request <= _ours.Count)
            {
                for (int number = _lastRequest; number > request; number--)
                {
                    if (_ours.ContainsKey(number))
                        return true;
                }

                return false;
            }

            foreach (int number in _ours.Keys)
            {
                if (number > request)
                    return true;
            }

            return false;
        }
    }

    /// <summary>Opens a request of the peer.</summary>
    /// <returns>false if too many are open.</returns>
    public bool TryOpenTheirs(int request, IRpcExchange exchange)
    {
        lock (_gate)
        {
            if (_theirs.Count >= mostOfTheirs || _closed)
                return false;
            _theirs.Add(request, exchange);
            return true;
        }
    }

    /// <summary>A stream of the peer has ended on our side, or was never begun. What still comes for it goes to the exchange.</summary>
    /// <param name="request">Its number, as the peer writes it.</param>
    /// <param name="exchange">The stream.</param>
    public void EndTheirs(int request, RpcStream exchange)
    {
        lock (_gate)
        {
            bool isReused = _theirs.TryGetValue(request, out IRpcExchange? now) && !ReferenceEquals(now, exchange); // the peer has begun another one
            if (!isReused)
                _theirs.Remove(request);
            if (!_closed && !isReused && !exchange.HasPeerEnded && mostOfTheirs > 0 && !_ended.ContainsKey(request))
            {
                _ended.Add(request, _endedInOrder.AddLast((request, exchange)));
                if (_ended.Count > mostOfTheirs)
                    RemoveEnded_NeedsLock(_endedInOrder.First!.Value.Request); // one was added just now
            }

            CheckDrained();
        }
    }

    /// <param name="request">The number as the peer writes it: negative for ours.</param>
    /// <param name="exchange">What it belongs to; null if nothing is open under that number.</param>
    /// <returns>false if everything is over.</returns>
    public bool TryFind(int request, out IRpcExchange? exchange)
    {
        lock (_gate)
        {
            _ = request > 0 ? _theirs.TryGetValue(request, out exchange) : _ours.TryGetValue(-request, out exchange);
            if (exchange is null && request > 0 && _ended.TryGetValue(request, out LinkedListNode<(int Request, IRpcExchange Exchange)>? ended))
                exchange = ended.Value.Exchange;
            return !_closed;
        }
    }

    /// <summary>An exchange is over.</summary>
    /// <param name="request">Its number as we write it: negative for the peer's.</param>
    public void Remove(int request)
    {
        lock (_gate)
        {
            if (request > 0)
                _ours.Remove(request);
            else if (!_theirs.Remove(-request))
                RemoveEnded_NeedsLock(-request);
            CheckDrained();
        }
    }

    /// <summary>No requests of ours are opened any more.</summary>
    public void Drain()
    {
        lock (_gate)
        {
            _draining = true;
            CheckDrained();
        }
    }

    /// <summary>Nothing is opened any more.</summary>
    /// <returns>What was open.</returns>
    public IRpcExchange[] Close()
    {
        lock (_gate)
        {
            _closed = true;
            IRpcExchange[] open = [.. _ours.Values, .. _theirs.Values];
            _ours.Clear();
            _theirs.Clear();
            _ended.Clear();
            _endedInOrder.Clear();
            CheckDrained();
            return open;
        }
    }

    private void RemoveEnded_NeedsLock(int request)
    {
        if (_ended.Remove(request, out LinkedListNode<(int Request, IRpcExchange Exchange)>? node))
            _endedInOrder.Remove(node);
    }

    // Under _gate.
    private void CheckDrained()
    {
        if (_draining && _ours.Count == 0 && _theirs.Count == 0)
            _drained.TrySetResult();
    }
}
