namespace Ssb.Conn;

/// <summary>Why a peer left the bench.</summary>
public enum UnstageReason
{
    /// <summary>Somebody asked for it.</summary>
    Requested,

    /// <summary>Its time to live passed without news of it.</summary>
    Expired,

    /// <summary>The bench was full, and its source had more than a fair share.</summary>
    Evicted,

    /// <summary>It is being connected to.</summary>
    Promoted,

    /// <summary>It was blocked.</summary>
    Blocked,

    /// <summary>It was dismissed by a person.</summary>
    Dismissed,
}
