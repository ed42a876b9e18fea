namespace Ssb.Conn.Net;

/// <summary>Why a datagram is no announcement that we take.</summary>
public enum LanReject
{
    /// <summary>It is one.</summary>
    None,

    /// <summary>It is longer than <see cref="LanDatagram.MaxLength"/>; nobody looked inside.</summary>
    TooLong,

    /// <summary>It is too short to hold anything.</summary>
    TooShort,

    /// <summary>It was not sealed with our network key: another network, or garbage.</summary>
    NotBoxed,

    /// <summary>What was sealed is not JSON.</summary>
    NotJson,

    /// <summary>It is JSON, and not exactly an object with one string <c>address</c>.</summary>
    WrongShape,

    /// <summary>The address is not a multiserver address, or its routes name different keys.</summary>
    BadAddress,

    /// <summary>The address names no identity.</summary>
    NoKey,

    /// <summary>It announces ourselves: our echo, or a replay of us.</summary>
    OwnKey,

    /// <summary>The identity in the address did not sign it.</summary>
    BadSignature,

    /// <summary>None of its routes leads to its sender, or into the subnet on which it was heard; see
    /// <see cref="LanOptions.AcceptAnyRoute"/>.</summary>
    NoRoute,
}
