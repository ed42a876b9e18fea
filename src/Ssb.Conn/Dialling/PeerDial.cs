using System.Net;

namespace Ssb.Conn;

/// <summary>A dial, as the manager hands it to the network: where to, who asked for it, and what it may open and reach.</summary>
/// <remarks>Thread-safe. A network asks <see cref="MayReach(IPAddress)"/> for each IP address that it is about to connect to, after names
/// are resolved, and <see cref="TryOpen"/> before each connection that it opens.</remarks>
public sealed class PeerDial
{
    private readonly AddressScope _least;
    private readonly DialBudget? _budget;
    private readonly int _maxOpenings;
    private readonly bool _keepsPath;
    private int _openings;
    private volatile bool _isRequested;

    /// <summary>A dial that a person, or the program, asked for: it may reach everything, and opens as many connections as the address has
    /// routes.</summary>
    /// <param name="address">Where the peer can be reached.</param>
    public PeerDial(MultiserverAddress address)
        : this(address, isRequested: true, AddressScope.Loopback, null, int.MaxValue, keepsPath: true)
    {
    }

    /// <param name="address">Where the peer can be reached.</param>
    /// <param name="isRequested">Did a person ask for it?</param>
    /// <param name="least">The most local scope that it may reach, unless a person asked.</param>
    /// <param name="budget">What its openings are taken from, unless a person asked; null for no bound. One opening is taken
    /// already.</param>
    /// <param name="maxOpenings">How many connections it may open, unless a person asked.</param>
    /// <param name="keepsPath">May it ask for the path that the address names, even if no person asked?</param>
    internal PeerDial(MultiserverAddress address, bool isRequested, AddressScope least, DialBudget? budget, int maxOpenings, bool keepsPath)
    {
        ArgumentNullException.ThrowIfNull(address);
        (Address, _isRequested, _least, _budget, _maxOpenings, _keepsPath) = (address, isRequested, least, budget, maxOpenings, keepsPath);
    }

    /// <summary>Where the peer can be reached. Of several routes, the first that works.</summary>
    public MultiserverAddress Address { get; }

    /// <summary>Did a person, or the program, ask for this very peer? If not, the scheduler chose it, from what strangers may have told. It
    /// becomes true when a person asks for a peer that the scheduler is dialling.</summary>
    public bool IsRequested => _isRequested;

    /// <summary>May a WebSocket be asked for at the path and the query that the address names? If not, it is asked for at <c>/</c>: a
    /// stranger must not choose what we ask a web server for. It may if a person asked, if the address book has the address, if no source
    /// told of it, or if <see cref="SchedulerOptions.KeepsPathsOfStrangers"/> says so.</summary>
    public bool KeepsPath => IsRequested || _keepsPath;

    /// <summary>How long the whole dial may take; null if whoever dials has not said.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>May the dial reach everything? Then where an address leads need not be found out.</summary>
    public bool MayReachAll => IsRequested || _least == AddressScope.Loopback;

    /// <summary>May the dial connect to this IP address? Not to one that is more local than the source of the peer may tell of. A person's
    /// dial may reach everything.</summary>
    /// <remarks>This knows no network cards: a network passes <see cref="IPAddress.Loopback"/> for an address of its own machine.</remarks>
    public bool MayReach(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        bool may = IsRequested || AddressScopes.Of(address) >= _least;
        if (!may)
            _budget?.CountAddress();
        return may;
    }

    /// <summary>Takes the opening of one connection from the budget of <see cref="SchedulerOptions.DialsPerMinute"/>. The first of a dial
    /// was taken before the dial began.</summary>
    /// <returns>false if no further connection may be opened for this dial now. Always true if a person asked.</returns>
    public bool TryOpen()
    {
        if (IsRequested)
            return true;
        int opened = Interlocked.Increment(ref _openings);
        if (opened == 1)
            return true;
        if (opened <= _maxOpenings)
            return _budget?.TryTake() != false;
        _budget?.CountOpening();
        return false;
    }

    /// <summary>Counts that the path of the address was not asked for, as <see cref="KeepsPath"/> says, in
    /// <see cref="DialCounters.DroppedPaths"/>.</summary>
    public void CountPath() => _budget?.CountPath();

    /// <summary>A person asks for the peer while it is being dialled.</summary>
    internal void Request() => _isRequested = true;
}
