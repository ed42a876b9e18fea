namespace Ssb.Conn.Net;

/// <summary>The two formats of announcements, as in npm ssb-lan 1.2.3.</summary>
public enum LanFormat
{
    /// <summary>UDP 26830: sealed with the network key, and signed.</summary>
    Normal,

    /// <summary>UDP 8008: the address as plain text, which anybody can write.</summary>
    Legacy,
}
