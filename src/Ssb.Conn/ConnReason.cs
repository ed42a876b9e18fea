namespace Ssb.Conn;

/// <summary>The words in which events and histories say why something happened. A host may use words of its own.</summary>
public static class ConnReason
{
    /// <summary>A person or a program asked for it.</summary>
    public const string Requested = "requested";

    /// <summary>The scheduler had a free slot.</summary>
    public const string FreeSlot = "free slot";

    /// <summary>It is a room, and a tunnel goes through it.</summary>
    public const string Tunnel = "for a tunnel";

    /// <summary>The scheduler lets another peer have a turn.</summary>
    public const string Rotation = "rotation";

    /// <summary>There were more connections than twice the quota.</summary>
    public const string Excess = "excess";

    /// <summary>The peer is blocked.</summary>
    public const string Blocked = "blocked";

    /// <summary>The peer was dismissed.</summary>
    public const string Dismissed = "dismissed";

    /// <summary>All connections are made anew: the machine woke up, or its network changed.</summary>
    public const string Reset = "reset";

    /// <summary>The scheduler was stopped.</summary>
    public const string Stopped = "stopped";

    /// <summary>We are shutting down.</summary>
    public const string Closing = "closing";

    /// <summary>The peer is in the hub by another address.</summary>
    public const string Elsewhere = "connected by another address";

    /// <summary>The peer called us.</summary>
    public const string Called = "called us";

    /// <summary>The other side, or the network, ended the connection.</summary>
    public const string Ended = "ended by the other side";

    /// <summary>The other side was gone without a word: it answered nothing any more, and we ended the connection.</summary>
    public const string Silent = "the other side went silent";

    /// <summary>Nothing had come or gone for so long that we ended the connection.</summary>
    public const string Idle = "idle for too long";

    /// <summary>The other side sent what it must not, and was cut off.</summary>
    public const string CutOff = "cut off for what it sent";

    /// <summary>The other side took nothing of what we sent for so long that we ended the connection: it does not read, or is gone.</summary>
    public const string NotReading = "the other side took nothing of what we sent";

    /// <summary>This program ended the connection itself, and not through the hub.</summary>
    public const string EndedHere = "ended by this side";

    /// <summary>The other side does not want us: it ended the handshake as soon as it knew who we are, at an address where it was connected
    /// before.</summary>
    public const string Unwanted = "it does not want us";

    /// <summary>The other side ended the handshake as soon as it knew who we are, before it proved who it is. The protocol does not tell
    /// which of the two it is.</summary>
    public const string UnwantedOrAnother = "it does not want us, or is not whom we dialled";

    /// <summary>The other side proved who it is and closed the connection at once, without having said anything. A peer that has as
    /// many connections as it keeps does so, too, and does not say which of the two it is.</summary>
    public const string UnwantedOrFull = "it does not want us, or is full";

    /// <summary>The policy of the host refused it.</summary>
    public const string HostPolicy = "the policy of this peer's host refuses it";

    /// <summary>It is our own feed id.</summary>
    public const string Ourselves = "that is ourselves";

    /// <summary>It did not answer within its deadline.</summary>
    public const string TimedOut = "timed out";
}
