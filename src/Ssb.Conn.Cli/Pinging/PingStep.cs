namespace Ssb.Conn.Cli.Pinging;

/// <summary>How a step went.</summary>
internal enum PingOutcome
{
    Ok,

    /// <summary>It goes no further.</summary>
    Failed,

    /// <summary>There is none here, and the rest works without it.</summary>
    Absent,
}

/// <summary>One step on the way to a peer.</summary>
/// <param name="Name">Which: <c>address</c>, <c>name</c>, <c>tcp</c> (or another transport), <c>handshake</c>, <c>muxrpc</c>, <c>ping</c>.</param>
/// <param name="Outcome">How it went.</param>
/// <param name="Time">What it took.</param>
/// <param name="Detail">What was found. It may hold a stranger's text.</param>
/// <param name="Advice">What to do about it; a sentence for one that failed.</param>
internal sealed record PingStep(string Name, PingOutcome Outcome, TimeSpan Time, string Detail, string? Advice = null);
