namespace Ssb.Wire.Tests.Faults;

/// <summary>What is allowed to come of a fault.</summary>
/// <remarks>
/// <para>Always: what each side got is a beginning of what was sent, and each side ends in one of these ways: its handshake fails; its
/// connection is closed by itself (the client, which closes), or by the other side's goodbye (the server); or it is lost, with an
/// <see cref="IOException"/> inside. The client's calls either all have their right results or one ends with a <see cref="RpcException"/> that
/// says that the connection is closed.</para>
/// <para>Without a fault: all is complete. With delays, too.</para>
/// <para>A changed byte of the handshake fails both sides. A changed byte behind it ends the side that receives it as tampered, with two
/// exceptions, in which it already knew how it ends: the server had the goodbye of muxrpc, and the byte was in that of the box stream,
/// which follows; or the client had begun to close, all its results being there.</para>
/// <para>A cut in the handshake fails it, and one behind it ends each side as lost, with the same two exceptions; a side that learns of the cut
/// before it reads what came before may still see its handshake fail.</para>
/// </remarks>
internal static class Verdict
{
    /// <returns>What is wrong; null if nothing is.</returns>
    public static string? On(Fault fault, bool wasHit, Session.Side client, Session.Side server)
    {
        if (!IsBeginning(client.Got, Session.Expected) || !IsBeginning(server.Got, Session.ExpectedByServer))
            return "something came that was not sent";
        if (client.Left is not null || server.Left is not null)
            return "something is left";
        if ((Untyped(client, RpcEndReason.Closed) ?? Untyped(server, RpcEndReason.Goodbye)) is { } untyped)
            return untyped;

        bool gotAll = client.Got.Count == Session.Expected.Count && client.Call is null;
        if (client.End is { Reason: RpcEndReason.Closed } && !gotAll)
            return "the client closed in good order, and not all was there";
        if (server.End is { Reason: RpcEndReason.Goodbye } && !gotAll)
            return "the server was told goodbye by a client that had not all";
        if (server.End is { Reason: RpcEndReason.Goodbye } && server.Got.Count != Session.ExpectedByServer.Count)
            return "the server was told goodbye before it had all";

        bool isComplete = gotAll && client.End is { Reason: RpcEndReason.Closed } && server.End is { Reason: RpcEndReason.Goodbye };
        if (!wasHit || fault.Kind is FaultKind.None or FaultKind.Delay)
            return isComplete ? null : "it was not complete without a fault";

        bool inHandshake = fault.Position < (fault.ToServer ? Session.HandshakeToServer : Session.HandshakeToClient);
        if (inHandshake)
            return OnHandshake(fault, client, server);
        if (fault.Kind == FaultKind.Cut)
            return null;
        if (client.Handshake is not null || server.Handshake is not null)
            return "a handshake failed that was not touched";

        Session.Side receiver = fault.ToServer ? server : client;
        bool knew = receiver.End!.Reason is RpcEndReason.Closed or RpcEndReason.Goodbye; // it has no failed handshake
        bool tampered = receiver.End.Error is BoxStreamException { Failure: BoxStreamFailure.Tampered };
        return knew || tampered ? null : "a changed byte was taken for something else";
    }

    // The last message of a handshake is the server's acceptance. What is wrong with that one, the server cannot know: for it the handshake
    // is done, and the connection is lost.
    private static string? OnHandshake(Fault fault, Session.Side client, Session.Side server)
    {
        bool inAcceptance = !fault.ToServer && fault.Position >= 64;
        if (client.Handshake is not { } failed)
            return "the client's handshake was touched and did not fail";
        if (server.Handshake is null && !(inAcceptance && server.End is { Reason: RpcEndReason.Lost }))
            return "the server's handshake was touched and did not fail";
        if (fault.Kind == FaultKind.Cut)
            return failed.Failure is HandshakeFailure.Closed or HandshakeFailure.Refused ? null : "a cut was taken for something else";

        HandshakeFailure? found = fault.ToServer ? server.Handshake!.Failure : failed.Failure;
        HandshakeFailure expected = fault.Position < 64 ? HandshakeFailure.WrongNetwork : HandshakeFailure.WrongKey;
        return found == expected ? null : $"the one who received it says {found}";
    }

    private static string? Untyped(Session.Side side, RpcEndReason orderly)
    {
        bool isTyped = side.Handshake is not null
            || side.End is { Error: null } && side.End.Reason == orderly
            || side.End is { Reason: RpcEndReason.Lost, Error: IOException and not RpcProtocolException };
        bool isCallTyped = side.Call is null or { Error: RpcError.ConnectionClosed };
        return isTyped && isCallTyped ? null : "an end that it should not have";
    }

    private static bool IsBeginning(List<string> got, IReadOnlyList<string> expected) =>
        got.Count <= expected.Count && got.SequenceEqual(expected.Take(got.Count));
}
