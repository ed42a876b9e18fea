namespace Ssb.Conn;

/// <summary>The network, as the manager sees it: it dials, and it accepts. The only seam between the two.</summary>
/// <remarks>Implementations are thread-safe.</remarks>
public interface IPeerNetwork
{
    /// <summary>Connects to a peer and shakes hands.</summary>
    /// <param name="dial">Where it can be reached, and what may be opened and reached for it. Of several routes, the first that works.</param>
    /// <param name="cancellationToken">Ends the attempt: its deadline has passed, or somebody asked.</param>
    /// <exception cref="ConnectFailedException">It could not be reached, or is not who it should be.</exception>
    Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken);

    /// <summary>Lets callers in until cancelled.</summary>
    /// <param name="isWelcome">Asked with a caller's feed id during its handshake, before it is let in. Quick, thread-safe, and throws
    /// nothing.</param>
    /// <param name="cancellationToken">Ends it; the stream then ends, or throws <see cref="OperationCanceledException"/>.</param>
    /// <returns>Each caller that is welcome, once it is connected.</returns>
    /// <remarks>Whom an implementation refuses by itself after the handshake, for want of room for instance, it tells by
    /// <see cref="ConnPlugin.NoteRefusal"/>, so that <see cref="ConnPlugin.Why"/> knows.</remarks>
    IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, CancellationToken cancellationToken);

    /// <summary>Why this network can never dial an address, whatever happens: none of its routes has a transport that is known here, says
    /// whom to expect, and makes sense. The manager refuses such an address, see <see cref="AdmissionOptions.AllowUndiallable"/>.</summary>
    /// <param name="address">The address.</param>
    /// <param name="isFromOwner">Did an owner name it, or does the address book have it? If not, an address without a feed id cannot be
    /// dialled either.</param>
    /// <returns>The reason, as a clause without a full stop and without secrets; null if one of the routes may be dialled. The default is
    /// null. An implementation is quick, thread-safe and throws nothing, and answers the same each time.</returns>
    string? ProblemOf(MultiserverAddress address, bool isFromOwner) => null;
}

/// <summary>A connection with a peer whose identity is proven.</summary>
/// <remarks>Implementations are thread-safe.</remarks>
public interface IPeerConnection
{
    /// <summary>The peer at the other end, as its handshake has proved.</summary>
    FeedId FeedId { get; }

    /// <summary>Where the other is. Of a caller, where its call came from, which may be no place to dial.</summary>
    MultiserverAddress Address { get; }

    /// <summary>The feed id that we shook hands with, if it is not our own: that of the seed in the address, as of an invite. Null if we came as
    /// ourselves, which is the default. The other side knows us by it.</summary>
    FeedId? Guest => null;

    /// <summary>Completes when the connection has ended, for whatever reason; it never fails.</summary>
    Task Closed { get; }

    /// <summary>Once it has ended: why, in a few words such as <see cref="ConnReason.Silent"/>; null if the other side, or the network, ended it, or
    /// if that is not known. Asked when <see cref="Closed"/> has completed. Quick, and throws nothing.</summary>
    string? EndReason => null;

    /// <summary>What pinging has shown so far; null before the first answer.</summary>
    PeerPing? Ping { get; }

    /// <summary>The same peer, as its handshake has proven, has just connected in another way: this connection may be one that it has lost. Finds
    /// out whether the peer still answers, and ends the connection if it does not. Returns at once, and throws nothing. Does nothing unless an
    /// implementation has a way to find out.</summary>
    void Probe()
    {
    }

    /// <summary>Both sides have dialled each other, and two connections stand. Asks the other side, over this one, whether it keeps this one if the other one ends.</summary>
    /// <param name="cancellationToken">Ends the asking.</param>
    /// <returns>true if the other side has both and keeps this one; false if it does not understand the question, as JavaScript peers, which keep both, do not.
    /// The default is false.</returns>
    Task<bool> AgreeToKeepAsync(CancellationToken cancellationToken) => Task.FromResult(false);

    /// <summary>Says goodbye and ends the connection. Calling it again does nothing.</summary>
    /// <param name="cancellationToken">Ends the goodbye; the connection is dropped then.</param>
    Task CloseAsync(CancellationToken cancellationToken);
}

/// <summary>A peer could not be connected to. Trying again later may help.</summary>
public sealed class ConnectFailedException : Exception
{
    private const int LongestMessage = 2_000; // an address of many routes has as many failures

    /// <summary>An attempt that failed.</summary>
    /// <param name="message">What failed, for people. It may hold what the peer said: <see cref="Exception.Message"/> shows control
    /// characters, line breaks and what else is not printable as <c>?</c>, and is cut to 2,000 characters.</param>
    /// <param name="innerException">What caused it.</param>
    public ConnectFailedException(string message, Exception? innerException = null)
        : base(StrangerText.Show(message, LongestMessage), innerException)
    {
    }

    /// <summary>Did the attempt fail for want of something on this machine, such as file descriptors? Then it says nothing about the peer, and the
    /// manager does not count it as a failure of the peer. Defaults to false.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Did the other side end the attempt when it knew who we are, without having proved who it is? Then it does not want us, or it
    /// is not whom we dialled; see <see cref="ConnReason.UnwantedOrAnother"/>. Defaults to false.</summary>
    public bool IsUnwanted { get; init; }

    /// <summary>Did this side's own host refuse the attempt, so that nothing was dialled, or the connection was ended at once? Then it says nothing
    /// about the peer: the manager does not count it as a failure of the peer, and the scheduler leaves that address alone for 10 minutes,
    /// after which the host is asked again. A person's dial asks at once. Defaults to false.</summary>
    public bool IsRefusedByHost { get; init; }

    /// <summary>The exception with its causes and where they were thrown. The messages of the causes are shown as
    /// <see cref="Exception.Message"/> is.</summary>
    public override string ToString() => StrangerText.Show(this, LongestMessage);
}
