namespace Ssb.Conn.Net;

/// <summary>What a peer that is no owner may say of another that it stages: fields that people read, and none by which the manager
/// decides.</summary>
internal static class StrangersData
{
    // What became of dials and connections, which only we know, and what only a person decides.
    private static readonly string[] s_ours =
    [
        "failure", "stateChange", "lastError", "retryAt", "duration", "ping", "hubBirth", "hubUpdated", "hubStateSince", "birth", "autoconnect",
        "alias", "source", "inferredType", "host", "verified",
        "defunct", "membership", "onlineCount", "senderMatches",
    ];

    /// <summary>The data without the fields that are ours; null stays null.</summary>
    public static PeerData? Of(PeerData? data) => data?.Without(s_ours);
}
