namespace Ssb.Conn;

/// <summary>Who is how far from us, and who is blocked, as the host's replication knows it.</summary>
/// <remarks>Asked often, so answers must be quick; implementations are thread-safe and throw nothing.</remarks>
public interface ISocialGraph
{
    /// <summary>Is there an answer yet? Until then nobody is dialled automatically.</summary>
    bool IsLoaded { get; }

    /// <summary>0: ourselves; 1: whom we follow; 2: whom they follow, and so on; negative: blocked; null: not known.</summary>
    /// <param name="feedId">A feed id, <c>@...=.ed25519</c>.</param>
    int? HopsTo(FeedId feedId);
}
