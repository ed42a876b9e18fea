using System.Net;

namespace Ssb.Conn.Net;

/// <summary>Somebody announced an address on the LAN.</summary>
/// <param name="Address">The announced address; it may have several routes.</param>
/// <param name="FeedId">The identity in it, <c>@...=.ed25519</c>.</param>
/// <param name="Verified">Whether that identity signed the announcement. It may still be a replay: nothing in it ages.</param>
/// <param name="SenderMatches">Whether at least one route leads to the host that sent it.</param>
/// <param name="Sender">The host that sent it, or who forged that host's address.</param>
/// <param name="Interface">The name of the network interface on which it came.</param>
/// <param name="Format">Which of the two formats it had.</param>
public sealed record LanAnnouncement(
    MultiserverAddress Address,
    FeedId FeedId,
    bool Verified,
    bool SenderMatches,
    IPAddress Sender,
    string Interface,
    LanFormat Format)
{
    /// <summary>In words: the address masked, and what the interface is called as strangers' text is shown.</summary>
    public override string ToString()
    {
        string elsewhere = SenderMatches ? "" : ", which is elsewhere,";
        return $"{Address} from {Sender}{elsewhere} by {StrangerText.Show(Interface)} ({(Verified ? "signed" : "not signed")})";
    }
}
